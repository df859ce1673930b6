import json
import os

from openai import OpenAI

client = OpenAI(base_url="{{base_url}}", api_key=os.environ["STARSCOO_KEY"])


def get_weather(city):
    return {"city": city, "celsius": 7, "sky": "light rain"}


tools = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city, now.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]
messages = [{"role": "user", "content": "What is the weather in Oslo?"}]

answer = client.chat.completions.create(
    model="{{model}}", messages=messages, tools=tools
).choices[0].message
messages.append(answer)

for call in answer.tool_calls or []:
    weather = get_weather(**json.loads(call.function.arguments))
    messages.append(
        {"role": "tool", "tool_call_id": call.id, "content": json.dumps(weather)}
    )

final = client.chat.completions.create(
    model="{{model}}", messages=messages, tools=tools
)
print(final.choices[0].message.content)

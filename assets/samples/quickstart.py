import os

from openai import OpenAI

client = OpenAI(base_url="{{base_url}}", api_key=os.environ["STARSCOO_KEY"])

completion = client.chat.completions.create(
    model="{{model}}",
    messages=[{"role": "user", "content": "Say hello in one sentence."}],
)
print(completion.choices[0].message.content)

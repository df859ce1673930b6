import os

from openai import OpenAI

client = OpenAI(base_url="{{base_url}}", api_key=os.environ["STARSCOO_KEY"])

stream = client.chat.completions.create(
    model="{{model}}",
    messages=[{"role": "user", "content": "Count from one to five."}],
    stream=True,
    stream_options={"include_usage": True},
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
    if chunk.usage:
        print(f"\n{chunk.usage.total_tokens} tokens")

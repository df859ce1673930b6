"""The official SDK: sync, async, `.stream()`, `.parse()`, raw responses."""

import asyncio
import json
import os
from typing import Any

from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

MODEL = os.environ["MODEL"]
ASK: Any = [{"role": "user", "content": "Hi"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class City(BaseModel):
    name: str
    people: int


def said(stream: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def tool(client: OpenAI) -> dict[str, Any]:
    messages = list(ASK)
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    (call,) = first.choices[0].message.tool_calls or ()
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    after = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    arguments = json.loads(call.function.arguments)  # type: ignore[union-attr]
    return {"arguments": arguments, "after": after.choices[0].message.content}


def streamed_tool(client: OpenAI) -> dict[str, Any]:
    """By the helper, which puts the pieces together and complains of those that do not fit."""
    with client.chat.completions.stream(model=MODEL, messages=ASK, tools=[WEATHER]) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls or ()
    return {
        "arguments": json.loads(call.function.arguments),
        "finish_reason": final.choices[0].finish_reason,
        "has_events": {"chunk", "tool_calls.function.arguments.delta"} <= kinds,
    }


def raw(client: OpenAI) -> dict[str, Any]:
    answer = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASK)
    return {
        "text": answer.parse().choices[0].message.content,
        "has_id": answer.headers["x-request-id"].startswith("req_"),
    }


async def by_async() -> dict[str, Any]:
    async with AsyncOpenAI() as client:
        plain = await client.chat.completions.create(model=MODEL, messages=ASK)
        stream = await client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    return {"plain": plain.choices[0].message.content, "stream": "".join(pieces)}


def main() -> None:
    with OpenAI() as client:
        done = {
            "plain": client.chat.completions.create(model=MODEL, messages=ASK).choices[0].message.content,
            "stream": said(client.chat.completions.create(model=MODEL, messages=ASK, stream=True)),
            "tool": tool(client),
            "streamed_tool": streamed_tool(client),
            "raw": raw(client),
        }
        parsed = client.chat.completions.parse(model=MODEL, messages=ASK, response_format=City)
        city = parsed.choices[0].message.parsed
        done["parsed"] = city.model_dump() if city else None
    print(json.dumps({**done, "async": asyncio.run(by_async())}))


main()

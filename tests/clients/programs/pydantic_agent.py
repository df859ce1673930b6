"""pydantic-ai: an agent, its stream, a tool that it calls by itself, and an answer of a type."""

import asyncio
import json
import os

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel

MODEL = OpenAIChatModel(os.environ["MODEL"])


class City(BaseModel):
    name: str
    people: int


async def main() -> None:
    agent = Agent(MODEL)
    done: dict[str, object] = {"plain": (await agent.run("Hi")).output}
    async with agent.run_stream("Count") as stream:
        done["stream"] = [text async for text in stream.stream_text()][-1]
        usage = stream.usage() if callable(stream.usage) else stream.usage
        done["tokens"] = usage.total_tokens
    asked: list[str] = []
    helper = Agent(MODEL)

    @helper.tool_plain
    def weather(city: str) -> str:
        """The weather in a city."""
        asked.append(city)
        return "sunny"

    after = await helper.run("Weather in Oslo?")
    done["tool"] = {"arguments": {"city": asked[0]}, "after": after.output}
    done["parsed"] = (await Agent(MODEL, output_type=City).run("Which city?")).output.model_dump()
    print(json.dumps(done))


asyncio.run(main())

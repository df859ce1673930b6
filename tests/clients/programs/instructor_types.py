"""instructor: an answer of a type, whole, growing in a stream, and several of them."""

import json
import os
from collections.abc import Iterable
from typing import Any

import instructor
from openai import OpenAI
from pydantic import BaseModel

MODEL = os.environ["MODEL"]
ASK: Any = [{"role": "user", "content": "Which city?"}]


class City(BaseModel):
    name: str
    people: int


def main() -> None:
    client = instructor.from_openai(OpenAI())
    whole = client.chat.completions.create(model=MODEL, messages=ASK, response_model=City, max_retries=0)
    *_, last = client.chat.completions.create_partial(
        model=MODEL, messages=ASK, response_model=City, max_retries=0
    )
    parallel = instructor.from_openai(OpenAI(), mode=instructor.Mode.PARALLEL_TOOLS)
    several = parallel.chat.completions.create(
        model=MODEL, messages=ASK, response_model=Iterable[City], max_retries=0
    )
    done = {
        "plain": whole.model_dump(),
        "stream": last.model_dump(),
        "tool": [city.model_dump() for city in several],
    }
    print(json.dumps(done))


main()

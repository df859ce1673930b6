"""langchain-openai: a chat model, its stream, a bound tool and a structured answer."""

import json
import os

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class City(BaseModel):
    name: str
    people: int


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return "sunny"


def main() -> None:
    # For a name with "codex" in it the library would take the Responses API, which is another test.
    model = ChatOpenAI(model=os.environ["MODEL"], max_retries=0, use_responses_api=False)
    done: dict[str, object] = {"plain": model.invoke("Hi").text}
    pieces = list(model.stream("Count", stream_usage=True))
    done["stream"] = "".join(piece.text for piece in pieces)
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    done["tokens"] = whole.usage_metadata["total_tokens"] if whole.usage_metadata else None
    bound = model.bind_tools([weather])
    asked = HumanMessage("Weather in Oslo?")
    called = bound.invoke([asked])
    (call,) = called.tool_calls
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    done["tool"] = {"arguments": call["args"], "after": bound.invoke([asked, called, result]).text}
    city = model.with_structured_output(City, method="function_calling").invoke("Which city?")
    done["parsed"] = city.model_dump() if isinstance(city, City) else None
    print(json.dumps(done))


main()

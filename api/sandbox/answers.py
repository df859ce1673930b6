"""What the sandbox says: a short answer in words, a tool call, or JSON in the shape asked for.

Pure and deterministic: the question's seed picks the variant. Every text begins with `OPENING`, so that no
reader takes it for a model's answer.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from api import types
from api.sandbox.questions import CHARACTERS_PER_TOKEN, Question, Tool, tokens
from api.sandbox.specimens import specimen
from models.ledger import Usage

OPENING: Final = "Sandbox answer: "
_THOUGHT: Final = "Sandbox thinking."
_SIGNATURE: Final = "c2FuZGJveA=="  # stands for the vendor's opaque proof of the thinking
_QUOTED_CHARACTERS: Final = 160
_FRAGMENT_CHARACTERS: Final = 12
_WORD = re.compile(r"\s*\S+(?:\s+$)?|\s+")
_VARIANTS: Final = (
    "This is {model}, simulated. You asked “{asked}” and I read {messages}. A real model would now say"
    " something clever; I only show that your request arrived whole and that the answer comes back word by word.",
    "{model} is not connected here, so I am standing in for it. Your question was “{asked}”, in {messages}."
    " Put a provider's key into the settings and the very same request goes to the real model.",
    "I received {messages} for {model}. You said “{asked}”. Ask it again and you will get exactly this"
    " text again: the sandbox answers from the prompt alone, which makes it handy for demonstrations and tests.",
    "“{asked}” is a good question for {model}.\n\nThe sandbox cannot think about it, but it can show you what"
    " happens around it. Your key was checked, a slot of this hour was reserved, and {messages} went through the"
    " same translation that a real provider would see.\n\nWhen this text ends, the tokens on both sides are"
    " counted, priced and written to the ledger. You will find this request on the usage page.",
    "{model} would answer “{asked}” here.\n\nInstead you are reading the simulated upstream of this gateway. It"
    " speaks the formats of the real providers over real HTTP, so your client library, your streaming code and"
    " your tool calls can be tried without an account anywhere and without a bill.\n\nIt saw {messages}. Nothing"
    " of it was stored and nothing left this machine.",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: the canonical reply, and the stop sequence that ended it, if one did."""

    reply: types.Reply
    stop_sequence: str | None = None


def compose(question: Question) -> Answer:
    """The answer to `question`, already within its limits; its usage is what that takes."""
    thoughts: tuple[types.Part, ...] = ()
    if question.thinks:
        text = _THOUGHT if question.shows_thoughts else ""
        thoughts = (types.Reasoning(text=text, signature=_SIGNATURE),)
    if question.tools and question.tool_result is None:
        return _bounded(question, (*thoughts, *_calls(question)), "tool_calls")
    text = _text(question)
    cut = min(((text.find(stop), stop) for stop in question.stops if stop in text), default=None)
    if cut is None:
        return _bounded(question, (*thoughts, types.Text(text=text)), "end")
    return _bounded(question, (*thoughts, types.Text(text=text[: cut[0]])), "stop_sequence", cut[1])


def words(text: str) -> list[str]:
    """`text` in the pieces a stream brings it in; joined they are the text again."""
    return _WORD.findall(text)


def fragments(arguments: str) -> list[str]:
    """The JSON text of a call's arguments in the pieces a stream brings it in."""
    step = _FRAGMENT_CHARACTERS
    return [arguments[start : start + step] for start in range(0, len(arguments), step)]


def _text(question: Question) -> str:
    if question.answer_schema is not None:
        return _json(specimen(question.answer_schema, OPENING + question.prompt))
    if question.tool_result is not None:
        return (
            f"{OPENING}the tool returned “{_quoted(question.tool_result)}”, and that answers your question."
        )
    variant = _VARIANTS[int(question.seed[:8], 16) % len(_VARIANTS)]
    count = question.message_count
    return OPENING + variant.format(
        model=question.model,
        asked=_quoted(question.prompt) or "…",
        messages="one message" if count == 1 else f"{count} messages",
    )


def _calls(question: Question) -> tuple[types.Part, ...]:
    wants_both = question.may_call_two and len(question.tools) > 1 and "both" in question.prompt.lower()
    called = question.tools[: 2 if wants_both else 1]
    calls = tuple(_call(tool, question.prompt) for tool in called)
    if not question.talks_before_calling:
        return calls
    names = " and ".join(tool.name for tool in called)
    return (types.Text(text=f"{OPENING}I call {names} for this."), *calls)


def _call(tool: Tool, prompt: str) -> types.ToolCall:
    value = specimen(tool.schema, prompt)
    return types.ToolCall(id="", name=tool.name, arguments=_json(value if isinstance(value, dict) else {}))


def _bounded(
    question: Question,
    parts: tuple[types.Part, ...],
    stop: types.StopReason,
    stop_sequence: str | None = None,
) -> Answer:
    """The parts as far as the bound allows. A text is cut, a call that does not fit whole is left out."""
    left = question.max_output_tokens
    kept: list[types.Part] = []
    spent = thought = 0
    for part in parts:
        cost = _cost(part)
        if left is not None and spent + cost > left:
            if isinstance(part, types.Text) and left > spent:
                kept.append(types.Text(text=part.text[: (left - spent) * CHARACTERS_PER_TOKEN]))
            spent, stop, stop_sequence = left, "length", None
            break
        kept.append(part)
        spent += cost
        thought += cost if isinstance(part, types.Reasoning) else 0
    usage = Usage(input_tokens=question.input_tokens, output_tokens=max(spent, 1), reasoning_tokens=thought)
    reply = types.Reply(parts=tuple(kept), stop=stop, usage=usage, upstream_id=question.seed)
    return Answer(reply, stop_sequence)


def _cost(part: types.Part) -> int:
    if isinstance(part, types.ToolCall):
        return tokens(len(part.name) + len(part.arguments))
    if isinstance(part, types.Reasoning):
        return tokens(len(_THOUGHT))  # thinking is paid for, shown or not
    return tokens(len(part.text)) if isinstance(part, types.Text) else 0


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _QUOTED_CHARACTERS else line[: _QUOTED_CHARACTERS - 1].rstrip() + "…"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

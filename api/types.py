"""The canonical form: what every wire is read into and written from. Frozen, ordered, without I/O.

A front wire parses its request into `Request`, an upstream wire renders that; the answer travels back as a
`Reply` (plain) or as a sequence of `Event`s (streamed). Parts keep their order, because flattening is a
choice of the writer. `ToolCall.arguments` is JSON text, as streams deliver it.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from models.catalog import Model, Price
from models.ledger import Usage

WireName = Literal["openai_chat", "openai_responses", "anthropic_messages"]
StopReason = Literal["end", "length", "tool_calls", "stop_sequence", "content_filter", "paused"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the canonical types."""


# --- what a message holds -------------------------------------------------------------------------------


class CacheMark(Struct, frozen=True):
    """What stands up to here is to be cached. `5m` and `1h` are lifetimes, `30m` and `12h` least lifetimes; None
    leaves it to the vendor. A vendor who caches by himself needs no marks."""

    ttl: Literal["5m", "30m", "1h", "12h"] | None = None


class Text(Struct, frozen=True, tag="text"):
    text: str
    cache: CacheMark | None = None


class Image(Struct, frozen=True, tag="image"):
    """Either `url` (http or https, fetched by the upstream, never by us) or `media_type` and base64
    `content`."""

    url: str | None = None
    media_type: str | None = None
    content: str | None = None
    detail: str | None = None
    cache: CacheMark | None = None


class Document(Struct, frozen=True, tag="document"):
    """`content` is base64, of whatever type."""

    media_type: str
    content: str
    title: str | None = None
    cache: CacheMark | None = None


class Reasoning(Struct, frozen=True, tag="reasoning"):
    """A model's thinking, `text` as people read it. What a vendor wants back travels untouched: his opaque
    `signature`, what he hid as `redacted`, the `pieces` that he gave instead of one text. `vendor` issued it."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    pieces: tuple[str, ...] = ()
    vendor: str = ""


class Refusal(Struct, frozen=True, tag="refusal"):
    text: str


class ToolCall(Struct, frozen=True, tag="tool_call"):
    """A custom tool takes plain text: its `arguments` are that text, not JSON."""

    id: str
    name: str
    arguments: str
    is_custom: bool = False
    cache: CacheMark | None = None


class ToolResult(Struct, frozen=True, tag="tool_result"):
    call_id: str
    parts: tuple[Text | Image | Document, ...] = ()
    is_error: bool = False
    cache: CacheMark | None = None


Part = Text | Image | Document | Reasoning | Refusal | ToolCall | ToolResult


class Message(Struct, frozen=True):
    """One turn. `system` messages may stand anywhere; a wire that knows no late ones says what it does with
    them.

    `path` is the client's own name for it (`messages[3]`), for errors that a target raises later.
    """

    role: Literal["system", "user", "assistant"]
    parts: tuple[Part, ...]
    path: str = "messages"


# --- a request ------------------------------------------------------------------------------------------


class Grammar(Struct, frozen=True):
    syntax: Literal["lark", "regex"]
    definition: str


class Tool(Struct, frozen=True):
    """A custom tool takes plain text instead of arguments; `grammar` says which texts."""

    name: str
    description: str | None = None
    parameters: Mapping[str, object] | None = None
    is_strict: bool = False
    is_custom: bool = False
    grammar: Grammar | None = None
    cache: CacheMark | None = None


class ToolChoice(Struct, frozen=True):
    """`named` carries `name`. `allowed` narrows `auto` and `required` to some of the tools."""

    mode: Literal["none", "auto", "required", "named"]
    name: str | None = None
    allowed: tuple[str, ...] = ()


class OutputFormat(Struct, frozen=True):
    """The answer is one JSON object, or the JSON that `schema` describes. `is_strict` None: not said."""

    name: str = ""
    description: str | None = None
    schema: Mapping[str, object] | None = None
    is_strict: bool | None = None


class Thinking(Struct, frozen=True):
    """How to think, in the words of the one vendor who has them; others are asked by `effort`."""

    mode: Literal["adaptive", "enabled", "disabled", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


class Request(Struct, frozen=True):
    """One generation in canonical form. `None` means: the client did not say, the target's default holds.

    `max_output_tokens` is the client's own bound (`max_output_param` is what he called it). What a target
    cannot express it refuses by the client's parameter name in `render_request`. `end_user` and `cache_key` are
    hashes that hold the customer's salt, never what the client sent.
    """

    model: str
    messages: tuple[Message, ...]
    is_stream: bool = False
    max_output_tokens: int | None = None
    max_output_param: str = "max_completion_tokens"
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    effort: Effort | None = None
    thinking: Thinking | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    output_format: OutputFormat | None = None
    end_user: str | None = None
    cache: CacheMark | None = None
    cache_key: str | None = None
    cache_retention: Literal["in_memory", "24h"] | None = None


class Envelope(Struct, frozen=True):
    """What peek reads of a body: the fields the gateway itself decides by, and all values still raw, in
    order.

    `output_tokens` is the client's own bound on output, `output_param` the name he used for it.
    `prompt_tokens` is an upper estimate made from sizes alone (there is no tokenizer here).
    """

    model: str
    is_stream: bool
    wants_usage: bool
    output_tokens: int | None
    output_param: str
    prompt_tokens: int
    fields: Mapping[str, msgspec.Raw]


class Target(Struct, frozen=True):
    """Where a request may be sent: one entry of the catalog, resolved for the client's wire."""

    provider: str
    upstream_model: str
    wire: WireName
    model: Model
    price: Price


# --- an answer ------------------------------------------------------------------------------------------


class Reply(Struct, frozen=True):
    """A whole answer. `parts` are Text, Reasoning, Refusal and ToolCall, in order."""

    parts: tuple[Part, ...]
    stop: StopReason
    usage: Usage | None
    upstream_id: str = ""


class Started(Struct, frozen=True, tag="started"):
    upstream_id: str = ""
    usage: Usage | None = None


class PartStarted(Struct, frozen=True, tag="part_started"):
    """`index` counts parts of this answer from 0. `id` and `name` are set for a tool call."""

    index: int
    kind: Literal["text", "tool_call", "reasoning", "refusal"]
    id: str | None = None
    name: str | None = None
    is_custom: bool = False


class TextDelta(Struct, frozen=True, tag="text_delta"):
    """More text of a text or refusal part."""

    index: int
    text: str


class ArgumentsDelta(Struct, frozen=True, tag="arguments_delta"):
    """More of a call's JSON, or of a custom call's text."""

    index: int
    fragment: str


class ReasoningDelta(Struct, frozen=True, tag="reasoning_delta"):
    index: int
    text: str


class ReasoningSealed(Struct, frozen=True, tag="reasoning_sealed"):
    """The whole of a reasoning part, as its vendor wants it back; it replaces what was gathered of it."""

    index: int
    reasoning: Reasoning


class PartEnded(Struct, frozen=True, tag="part_ended"):
    index: int


class Heartbeat(Struct, frozen=True, tag="heartbeat"):
    """The upstream said that it lives; a writer makes a comment line of it."""


class Finished(Struct, frozen=True, tag="finished"):
    stop: StopReason
    usage: Usage | None


class Failed(Struct, frozen=True, tag="failed"):
    """The upstream reported an error inside the stream. `kind` is a `errors.Kind`; nothing follows it."""

    kind: str
    message: str
    param: str | None = None
    retry_after: int | None = None


Event = (
    Started
    | PartStarted
    | TextDelta
    | ArgumentsDelta
    | ReasoningDelta
    | ReasoningSealed
    | PartEnded
    | Heartbeat
    | Finished
    | Failed
)

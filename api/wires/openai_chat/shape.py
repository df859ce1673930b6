"""The shape of a Chat body: all that Chat Completions knows, as msgspec reads and checks it.

Unknown keys are refused wherever we would have to drop them. Structs without fields are features that are
known but refused by `request`. Null is accepted where a key may as well be absent.

Source: CompletionCreateParams and its parts in openai-python 3.54.0, read 2026-11.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from api.types import Effort


class CacheControl(Struct, forbid_unknown_fields=True):
    """An extension, in the words of the vendor who has marked caching."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class Breakpoint(Struct, forbid_unknown_fields=True):
    mode: Literal["explicit"]
    ttl: Literal["30m", "12h"] | None = None


class Markable(Struct):
    cache_control: CacheControl | None = None


class MarkablePart(Markable):
    prompt_cache_breakpoint: Breakpoint | None = None


class TextPart(MarkablePart, tag="text", kw_only=True, forbid_unknown_fields=True):
    text: str


class RefusalPart(Struct, tag="refusal", forbid_unknown_fields=True):
    refusal: str


class ImageUrl(Struct, forbid_unknown_fields=True):
    url: str
    detail: str | None = None


class ImagePart(MarkablePart, tag="image_url", kw_only=True, forbid_unknown_fields=True):
    image_url: ImageUrl


class File(Struct, forbid_unknown_fields=True):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(MarkablePart, tag="file", kw_only=True, forbid_unknown_fields=True):
    file: File


class AudioPart(Struct, tag="input_audio"):
    pass


AnyPart = TextPart | RefusalPart | ImagePart | FilePart | AudioPart


class CalledFunction(Struct, forbid_unknown_fields=True):
    """`parsed_arguments` is what the official SDKs note beside a call, and send back with it."""

    name: str
    arguments: str | None = None
    parsed_arguments: object = None


class FunctionCall(Struct, tag="function", forbid_unknown_fields=True):
    """`index` is what clients keep that gathered the call from a stream."""

    id: str
    function: CalledFunction
    index: int | None = None


class CalledCustom(Struct, forbid_unknown_fields=True):
    name: str
    input: str


class CustomCall(Struct, tag="custom", forbid_unknown_fields=True):
    id: str
    custom: CalledCustom
    index: int | None = None


class ThinkingBlock(Struct, tag="thinking"):
    thinking: str = ""
    signature: str | None = None


class RedactedBlock(Struct, tag="redacted_thinking"):
    data: str


class Summary(Struct):
    text: str


class ReasoningItem(Struct, tag="reasoning"):
    """Its `id` and `status` are not read: nothing is stored by which an id could be looked up."""

    summary: list[Summary] = []
    encrypted_content: str | None = None


class SystemMessage(Markable, tag_field="role", tag="system", kw_only=True, forbid_unknown_fields=True):
    content: str | list[AnyPart]
    name: str | None = None


class DeveloperMessage(SystemMessage, tag_field="role", tag="developer"):
    pass


class UserMessage(Markable, tag_field="role", tag="user", kw_only=True, forbid_unknown_fields=True):
    content: str | list[AnyPart]
    name: str | None = None


class AssistantMessage(Markable, tag_field="role", tag="assistant", forbid_unknown_fields=True):
    """`annotations` is what answers carry, `parsed` what the official SDKs note beside them; nothing in either is
    for a model."""

    content: str | list[AnyPart] | None = None
    refusal: str | None = None
    tool_calls: list[FunctionCall | CustomCall] | None = None
    name: str | None = None
    reasoning_content: str | None = None
    thinking_blocks: list[ThinkingBlock | RedactedBlock] | None = None
    reasoning_items: list[ReasoningItem] | None = None
    annotations: object = None
    parsed: object = None
    audio: object = None
    function_call: object = None


class ToolMessage(Markable, tag_field="role", tag="tool", kw_only=True, forbid_unknown_fields=True):
    content: str | list[AnyPart]
    tool_call_id: str
    name: str | None = None


class FunctionMessage(Struct, tag_field="role", tag="function"):
    pass


AnyMessage = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage


class Function(Struct, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


class FunctionTool(Markable, tag="function", kw_only=True, forbid_unknown_fields=True):
    function: Function


class PlainText(Struct, tag="text", forbid_unknown_fields=True):
    pass


class Rules(Struct, forbid_unknown_fields=True):
    syntax: Literal["lark", "regex"]
    definition: str


class Grammar(Struct, tag="grammar", forbid_unknown_fields=True):
    grammar: Rules


class Custom(Struct, forbid_unknown_fields=True):
    name: str
    description: str | None = None
    format: PlainText | Grammar | None = None


class CustomTool(Markable, tag="custom", kw_only=True, forbid_unknown_fields=True):
    custom: Custom


AnyTool = FunctionTool | CustomTool


class Named(Struct):
    name: str


class NamedFunction(Struct, tag="function", forbid_unknown_fields=True):
    function: Named


class NamedCustom(Struct, tag="custom", forbid_unknown_fields=True):
    custom: Named


class Allowed(Struct, forbid_unknown_fields=True):
    mode: Literal["auto", "required"]
    tools: list[NamedFunction | NamedCustom]


class AllowedTools(Struct, tag="allowed_tools", forbid_unknown_fields=True):
    allowed_tools: Allowed


class TextFormat(Struct, tag="text"):
    pass


class JsonObject(Struct, tag="json_object"):
    pass


class Schema(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    schema: dict[str, object] | None = None
    strict: bool | None = None


class JsonSchema(Struct, tag="json_schema"):
    json_schema: Schema


class Thinking(Struct, forbid_unknown_fields=True):
    type: Literal["adaptive", "enabled", "disabled", "between_tools"]
    budget_tokens: int | None = None
    display: Literal["summarized", "omitted"] | None = None


Choice = Literal["none", "auto", "required"] | NamedFunction | NamedCustom | AllowedTools


class StreamOptions(Struct, forbid_unknown_fields=True):
    """`include_obfuscation` only pads chunks; ours are not padded."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]


class Body(Struct, forbid_unknown_fields=True):
    messages: list[AnyMessage]
    model: str
    # Carried over.
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    tools: list[FunctionTool | CustomTool] | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    response_format: TextFormat | JsonObject | JsonSchema | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    # Extensions: no parameters of Chat, but of a vendor behind this gateway.
    thinking: Thinking | None = None
    cache_control: CacheControl | None = None
    # Accepted without effect: hints that change no word of the answer, or belong to stored completions.
    seed: int | None = None
    prediction: object = None
    metadata: Metadata | None = None
    prompt_cache_options: object = None
    # Only the defaults are accepted.
    n: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    modalities: list[str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    audio: object = None
    moderation: object = None
    web_search_options: object = None
    functions: object = None
    function_call: object = None


decoder = msgspec.json.Decoder(Body)

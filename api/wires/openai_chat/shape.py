"""The shape of a Chat body: all that Chat Completions knows, as msgspec reads and checks it.

Unknown keys are refused wherever we would have to drop them. Structs without fields are features that are
known but refused by `request`. Null is accepted where a key may as well be absent.

Source: CompletionCreateParams and its parts in openai-python 3.54.0, read 2026-11.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from api.types import Effort


class TextPart(Struct, tag="text", forbid_unknown_fields=True):
    text: str


class RefusalPart(Struct, tag="refusal", forbid_unknown_fields=True):
    refusal: str


class ImageUrl(Struct, forbid_unknown_fields=True):
    url: str
    detail: str | None = None


class ImagePart(Struct, tag="image_url", forbid_unknown_fields=True):
    image_url: ImageUrl


class FilePart(Struct, tag="file"):
    pass


class AudioPart(Struct, tag="input_audio"):
    pass


AnyPart = TextPart | RefusalPart | ImagePart | FilePart | AudioPart


class CalledFunction(Struct, forbid_unknown_fields=True):
    name: str
    arguments: str | None = None


class FunctionCall(Struct, tag="function", forbid_unknown_fields=True):
    """`index` is what clients keep that gathered the call from a stream."""

    id: str
    function: CalledFunction
    index: int | None = None


class CustomCall(Struct, tag="custom"):
    pass


class SystemMessage(Struct, tag_field="role", tag="system", forbid_unknown_fields=True):
    content: str | list[AnyPart]
    name: str | None = None


class DeveloperMessage(SystemMessage, tag_field="role", tag="developer"):
    pass


class UserMessage(Struct, tag_field="role", tag="user", forbid_unknown_fields=True):
    content: str | list[AnyPart]
    name: str | None = None


class AssistantMessage(Struct, tag_field="role", tag="assistant", forbid_unknown_fields=True):
    """`annotations` is what answers carry; nothing in it is for a model."""

    content: str | list[AnyPart] | None = None
    refusal: str | None = None
    tool_calls: list[FunctionCall | CustomCall] | None = None
    name: str | None = None
    reasoning_content: str | None = None
    annotations: object = None
    audio: object = None
    function_call: object = None


class ToolMessage(Struct, tag_field="role", tag="tool", forbid_unknown_fields=True):
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


class FunctionTool(Struct, tag="function", forbid_unknown_fields=True):
    function: Function


class CustomTool(Struct, tag="custom"):
    pass


class Named(Struct):
    name: str


class NamedFunction(Struct, tag="function", forbid_unknown_fields=True):
    function: Named


class NamedCustom(Struct, tag="custom"):
    pass


class AllowedTools(Struct, tag="allowed_tools"):
    pass


class ResponseFormat(Struct):
    type: str


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
    # Accepted without effect: hints that change no word of the answer, or belong to stored completions.
    seed: int | None = None
    prediction: object = None
    metadata: Metadata | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
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
    response_format: ResponseFormat | None = None
    audio: object = None
    moderation: object = None
    web_search_options: object = None
    functions: object = None
    function_call: object = None


decoder = msgspec.json.Decoder(Body)

"""What a Chat message holds, read into canonical parts: texts, images, files, the marks for caching."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from api.errors import GatewayError
from api.types import CacheMark, Document, Image, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from api.wires.openai_chat import shape

# The vendors whose reasoning the two carriers hold.
THINKING_VENDOR: Final = "anthropic"
ITEMS_VENDOR: Final = "openai"


def parts(content: str | Sequence[shape.AnyPart], path: str, allowed: tuple[type[Part], ...]) -> list[Part]:
    """`path` is that of the message."""
    if isinstance(content, str):
        return [Text(text=content)]
    made: list[Part] = []
    for index, raw in enumerate(content):
        at = f"{path}.content[{index}]"
        part = _part(raw, at)
        if not isinstance(part, allowed):
            raise GatewayError("invalid_request", "This role takes no content of this type.", f"{at}.type")
        made.append(part)
    return made


def marked(made: list[Part], message: shape.Markable) -> tuple[Part, ...]:
    """A mark on the message is one on the last of its parts that can have one."""
    mark = cache_mark(message.cache_control)
    if mark is not None:
        for index in reversed(range(len(made))):
            part = made[index]
            if isinstance(part, Text | Image | Document | ToolCall | ToolResult):
                made[index] = msgspec.structs.replace(part, cache=mark)
                break
    return tuple(made)


def cache_mark(control: shape.CacheControl | None) -> CacheMark | None:
    return None if control is None else CacheMark(ttl=control.ttl)


def reasoning(message: shape.AssistantMessage) -> list[Reasoning]:
    """What the carriers bring back. The plain `reasoning_content` proves nothing, so no vendor takes it back."""
    made: list[Reasoning] = []
    for block in message.thinking_blocks or ():
        if isinstance(block, shape.RedactedBlock):
            made.append(Reasoning(redacted=block.data, vendor=THINKING_VENDOR))
        elif block.signature:
            made.append(Reasoning(text=block.thinking, signature=block.signature, vendor=THINKING_VENDOR))
    for item in message.reasoning_items or ():
        if item.encrypted_content:
            pieces = tuple(piece.text for piece in item.summary)
            text = "\n\n".join(filter(None, pieces))
            sealed = item.encrypted_content
            made.append(Reasoning(text=text, signature=sealed, pieces=pieces, vendor=ITEMS_VENDOR))
    return made


def _part(part: shape.AnyPart, path: str) -> Text | Image | Document | Refusal:
    match part:
        case shape.TextPart(text=text):
            return Text(text=text, cache=_mark(part))
        case shape.RefusalPart(refusal=text):
            return Refusal(text=text)
        case shape.ImagePart(image_url=image):
            return _image(image, _mark(part), f"{path}.image_url.url")
        case shape.FilePart(file=file):
            return _file(file, _mark(part), f"{path}.file")
        case shape.AudioPart():
            raise GatewayError(
                "unsupported_parameter", "Audio input is not supported. Send its transcript instead.", path
            )


def _mark(part: shape.MarkablePart) -> CacheMark | None:
    """A breakpoint without a lifetime inherits the request's, of which there is only one."""
    if part.prompt_cache_breakpoint is not None:
        return CacheMark(ttl=part.prompt_cache_breakpoint.ttl or "30m")
    return cache_mark(part.cache_control)


# --- images ---------------------------------------------------------------------------------------------


def _image(image: shape.ImageUrl, mark: CacheMark | None, path: str) -> Image:
    scheme, _, rest = image.url.partition(":")
    match scheme.lower():
        case "http" | "https":
            return Image(url=image.url, detail=image.detail, cache=mark)
        case "data":
            label, _, content = rest.partition(",")
            if not label.lower().endswith(";base64"):
                raise GatewayError("invalid_image", "An inline image must be a base64 data URL.", path)
            kind = _media_type(content, path)
            return Image(media_type=kind, content=content, detail=image.detail, cache=mark)
        case _:
            raise GatewayError("invalid_image", "An image must be an http(s) or a data URL.", path)


_HEAD_CHARS: Final = 24
_SIGNATURE: Final = re.compile(
    rb"(?P<jpeg>\xff\xd8\xff)|(?P<png>\x89PNG\r\n\x1a\n)|(?P<gif>GIF8[79]a)|(?P<webp>RIFF.{4}WEBP)", re.DOTALL
)


def _media_type(content: str, path: str) -> str:
    """By the signature of the bytes: labels are often wrong, and a wrong one is refused upstream."""
    try:
        head = base64.b64decode(content[:_HEAD_CHARS], validate=True)
    except (binascii.Error, ValueError) as error:
        raise GatewayError("invalid_image", "The image's data is not base64.", path) from error
    found = _SIGNATURE.match(head)
    if found is None:
        raise GatewayError("invalid_image", "Only JPEG, PNG, GIF and WebP images are supported.", path)
    return f"image/{found.lastgroup}"


# --- files ----------------------------------------------------------------------------------------------

_PDF: Final = b"%PDF-"


def _file(file: shape.File, mark: CacheMark | None, path: str) -> Document:
    """A data URL or bare base64; a PDF is known by its signature, whatever its label says."""
    if file.file_id is not None:
        raise GatewayError(
            "unsupported_parameter",
            "No files are stored here. Send the file itself as file_data.",
            f"{path}.file_id",
        )
    if not file.file_data:
        raise GatewayError("invalid_request", "A file needs its file_data.", f"{path}.file_data")
    label, content = "", file.file_data
    if content[:5].lower() == "data:":
        label, _, content = content[5:].partition(",")
        if not label.lower().endswith(";base64"):
            raise GatewayError("invalid_request", "file_data must be base64.", f"{path}.file_data")
    try:
        decoded = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise GatewayError("invalid_request", "file_data must be base64.", f"{path}.file_data") from error
    kind = _file_type(decoded, label.partition(";")[0].strip().lower())
    return Document(media_type=kind, content=content, title=file.filename, cache=mark)


def _file_type(decoded: bytes, label: str) -> str:
    if decoded.startswith(_PDF):
        return "application/pdf"
    if label:
        return label
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"

"""Reading what a vendor tags with `type`, passing over the types he adds without notice."""

from typing import Final, Generic, TypeVar, get_args

import msgspec

T = TypeVar("T")

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are not the JSON they should be."""


class _Tag(msgspec.Struct):
    type: str = ""


_tag = msgspec.json.Decoder(_Tag)


class KnownTypes(Generic[T]):
    """Decodes JSON objects into the structs of a union (two at least), by their tag."""

    def __init__(self, union: object) -> None:
        self._tags = {struct.__struct_config__.tag for struct in get_args(union)}
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(union)

    def decode(self, content: bytes | msgspec.Raw) -> T | None:
        """None for a type not known here. Raises one of UNREADABLE for a known type in a wrong shape."""
        try:
            return self._decoder.decode(content)
        except msgspec.ValidationError:
            if _tag.decode(content).type in self._tags:
                raise
            return None

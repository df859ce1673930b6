"""Numbers as people write them into fields: `5,000`, `5 000`, `1k`, `2.5M`."""

import re
from typing import Final

from models.database import Refused
from models.limits import HIGHEST

_GROUPED: Final = r"[0-9]{1,3}(?:[,_ \u00a0\u202f'’][0-9]{3})+"
_NUMBER: Final = re.compile(rf"({_GROUPED}|[0-9]{{1,18}})(?:\.([0-9]{{1,9}}))?\s?([kKmMbB]?)")
_SIZES: Final = {"": 0, "k": 3, "m": 6, "b": 9}
_MARKS: Final = re.compile(r"[^0-9]")


class NotANumber(Refused):
    def __init__(self) -> None:
        super().__init__("Write a whole number, for example 500, 1k or 2.5M.")


def parse(text: str) -> int:
    """A whole number up to `HIGHEST`; marks between groups of three may be left out. Raises `NotANumber`."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise NotANumber
    whole, part, unit = found[1], found[2] or "", _SIZES[found[3].lower()]
    if len(part) > unit:
        raise NotANumber
    number: int = int(_MARKS.sub("", whole) + part.ljust(unit, "0"))
    if number > HIGHEST:
        raise NotANumber
    return number

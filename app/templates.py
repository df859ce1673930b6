"""Documents written as HTML in assets, with places like `{{name}}` to be filled in."""

import re
from functools import cache
from typing import Final

from markupsafe import Markup, escape

from app import assets

_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


def filled(name: str, **values: Markup | str) -> Markup:
    """The file `assets/name`. Texts are escaped, Markup is taken as it is. Raises KeyError for a place without a
    value."""
    # Our own file; what is filled in is escaped.
    return Markup(_PLACE.sub(lambda place: escape(values[place[1]]), _text(name)))  # noqa: S704


@cache
def _text(name: str) -> str:
    return (assets.ROOT / name).read_text(encoding="utf-8")

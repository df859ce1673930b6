"""The two ways to draw: `tag` for what listens or changes, `html` for what only shows.

Text given to `tag` is text; `html` takes Markup alone, whose `format` escapes whatever is put in.
"""

from markupsafe import Markup
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement


def tag(tag_name: str, text: str = "", classes: str = "", /, **attributes: object) -> TextElement:
    """A plain element. Attributes by keyword: `aria_label="x"` is `aria-label`; None leaves one out."""
    element = TextElement(tag=tag_name, text=text)
    if classes:
        element.classes(classes)
    set_attributes(element, **attributes)
    return element


def set_attributes(element: ui.element, **attributes: object) -> None:
    """Set, or with None remove, attributes of a drawn element. A trailing underscore keeps clear of keywords."""
    for key, value in attributes.items():
        element.props.set_optional(key.rstrip("_").replace("_", "-"), value)


def html(markup: Markup, classes: str = "", name: str = "div") -> ui.html:
    """Finished markup inside one element."""
    if not isinstance(markup, Markup):
        raise TypeError("html() takes Markup; plain text goes through tag()")
    element = ui.html(str(markup), sanitize=False, tag=name)
    if classes:
        element.classes(classes)
    return element

"""Buttons and choices."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from nicegui import ui

from app import theme
from app.components.elements import html, set_attributes, tag

Kind = Literal["primary", "plain", "quiet", "danger", "danger-plain"]
_CLASSES: Mapping[Kind, str] = {
    "primary": "s-primary",
    "plain": "s-plain",
    "quiet": "s-quiet-button",
    "danger": "s-danger",
    "danger-plain": "s-danger-plain",
}


def button(
    text: str,
    *,
    kind: Kind = "primary",
    icon: theme.Icon | None = None,
    size: Literal["slim", "usual", "big"] = "usual",
    href: str | None = None,
    is_submit: bool = False,
    on_click: Callable[..., Any] | None = None,
    mark: str | None = None,
) -> ui.element:
    """One per view is primary. With `href` it is a link that looks like a button."""
    classes = f"s-button {_CLASSES[kind]}" + ("" if size == "usual" else f" s-{size}")
    element = tag("a" if href else "button", "", classes)
    if href:
        set_attributes(element, href=href)
    else:
        set_attributes(element, type="submit" if is_submit else "button")
    with element:
        if icon:
            html(theme.icon(icon), "s-icon", "span")
        tag("span", text, data_text="")
    if on_click:
        element.on("click", on_click, args=[])
    return element.mark(mark or text)


def segmented(
    label: str, choices: Mapping[str, str], *, value: str, on_change: Callable[[str], Any] | None = None
) -> ui.element:
    """One of a few (value -> word), shown side by side. `on_change` gets the chosen value and may be async."""
    group = tag("div", "", "s-segments", role="group", aria_label=label)
    buttons: dict[str, ui.element] = {}

    def choose(chosen: str) -> Any:
        for each, element in buttons.items():
            set_attributes(element, aria_pressed=str(each == chosen).lower())
        return on_change(chosen) if on_change else None

    with group:
        for each, word in choices.items():
            element = tag("button", word, type="button", aria_pressed=str(each == value).lower()).mark(word)
            set_attributes(element, data_act=f"choose {label}", data_id=each)  # found again when drawn anew
            element.on("click", lambda each=each: choose(each), args=[])
            buttons[each] = element
    return group


def copy_button(
    text: str = "Copy", *, copies: str | None = None, copies_from: str | None = None
) -> ui.element:
    """Copies in the browser, also on plain http: `copies` itself, or what stands in the element that a selector names.
    Emits the event `copied`."""
    element = tag(
        "button", "", "s-button s-plain", type="button", data_copy=copies, data_copy_from=copies_from
    )
    with element:
        html(theme.icon("copy"), "s-icon", "span")
        tag("span", text, data_text="")
    return element.mark(text)

"""Fields and forms. What was typed stays in the browser until the form is sent, as one message."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from app import theme
from app.components.elements import html, set_attributes, tag

_AFTER_A_PAUSE: Final = (
    "(e) => { const i = e.target; clearTimeout(i.pause); i.pause = setTimeout(() => emit(i.value), 300); }"
)
_SEND: Final = "(e) => { e.preventDefault(); emit(Object.fromEntries(new FormData(e.target))); }"

_SEND_AFTER_A_PAUSE: Final = (
    "(e) => { const f = e.currentTarget; clearTimeout(f.pause); "
    "f.pause = setTimeout(() => emit(Object.fromEntries(new FormData(f))), 300); }"
)


class Field(ui.element):
    """Label above, input, help and complaint below, all tied together for screen readers."""

    def __init__(self, label: str, *, help: str = "") -> None:
        super().__init__("div")
        self.classes("s-field")
        self._help = help
        with self:
            self.label = tag("label", label)
            self.box = tag("div", "", "s-box")
        self.input: ui.element

    def holds(self, control: ui.element) -> None:
        """Ties the control to label, help and complaint."""
        self.input = control
        set_attributes(self.label, for_=control.html_id)
        with self:
            self.complaint = tag("p", "", "s-error", role="alert")
            self.complaint.visible = False
            if self._help:
                note = tag("p", self._help, "s-help")
                set_attributes(control, aria_describedby=f"{self.complaint.html_id} {note.html_id}")
            else:
                set_attributes(control, aria_describedby=self.complaint.html_id)

    def refuse(self, reason: str) -> None:
        """Shows the complaint and brings the cursor back."""
        self.complaint.text = reason
        self.complaint.visible = bool(reason)
        set_attributes(self.input, aria_invalid="true" if reason else None)
        if reason and self.client.has_socket_connection:
            ui.run_javascript(f"getHtmlElement({self.input.id})?.focus()")

    def accept(self) -> None:
        self.refuse("")


def field(
    label: str,
    *,
    name: str = "",
    value: str = "",
    help: str = "",
    error: str = "",
    type: str = "text",
    autocomplete: str = "off",
    placeholder: str | None = None,
    is_required: bool = False,
    is_focused: bool = False,
    **attributes: object,
) -> Field:
    """A one-line input. `name` is its key in what the form sends. Passwords get a button that shows them."""
    drawn = Field(label, help=help)
    with drawn.box:
        # `^value` is the attribute: the property would overwrite what is being typed at each redraw.
        control = tag(
            "input", type=type, name=name or None, autocomplete=autocomplete, placeholder=placeholder
        )
        control.props["^value"] = value
        set_attributes(control, required=is_required or None, autofocus=is_focused or None, **attributes)
        if type == "password":
            tag(
                "button",
                "Show",
                "s-reveal",
                type="button",
                aria_pressed="false",
                aria_label=f"Show {label.lower()}",
            )
    control.mark(label)
    drawn.holds(control)
    if error:
        drawn.refuse(error)
    return drawn


def search_field(
    label: str, *, placeholder: str, value: str = "", on_input: Callable[[str], Awaitable[None]]
) -> Field:
    """Searches while it is typed in, 300 ms after the last key. Its label is spoken, not shown."""

    async def typed(event: GenericEventArguments) -> None:
        await on_input(str(event.args)[:200])

    drawn = field(label, type="search", value=value, placeholder=placeholder)
    drawn.label.classes("s-sr")
    drawn.input.on("input", typed, js_handler=_AFTER_A_PAUSE)
    return drawn


def choice(
    label: str, options: Mapping[str, str], *, name: str = "", value: str = "", help: str = ""
) -> Field:
    """A native select: value -> word."""
    drawn = Field(label, help=help)
    with drawn.box:
        control = tag("select", name=name or None)
        with control:
            for each, word in options.items():
                tag("option", word, value=each, selected=(each == value) or None)
    control.mark(label)
    drawn.holds(control)
    return drawn


def text_area(
    label: str,
    *,
    name: str,
    rows: int,
    value: str = "",
    help: str = "",
    placeholder: str | None = None,
    **attributes: object,
) -> Field:
    """Several lines. `name` is its key in what the form sends."""
    drawn = Field(label, help=help)
    with drawn.box:
        control = tag("textarea", value, name=name, rows=str(rows), placeholder=placeholder, **attributes)
    control.mark(label)
    drawn.holds(control)
    return drawn


def form(
    on_submit: Callable[[dict[str, str]], Awaitable[None]] | None = None,
    *,
    action: str = "",
    label: str = "",
    longest: int = 10_000,
    on_input: Callable[[dict[str, str]], Awaitable[None]] | None = None,
) -> ui.element:
    """With `action` a real POST; with `on_submit` its fields arrive as a dict of texts, by name, each cut at `longest`
    characters. Enter submits both. While one submit is being handled another one is not heard: a double click does
    nothing twice. `on_input` gets the same while they are filled in, 300 ms after the last key."""
    element = tag("form", "", "s-form", aria_label=label or None)
    if action:
        set_attributes(element, method="post", action=action, novalidate="")
    if on_submit:
        is_busy = False

        async def receive(event: GenericEventArguments) -> None:
            nonlocal is_busy
            if is_busy:
                return
            is_busy = True
            try:
                await on_submit(_texts(event, longest))
            finally:
                is_busy = False

        set_attributes(element, novalidate="")
        element.on("submit", receive, js_handler=_SEND)
    if on_input:

        async def follow(event: GenericEventArguments) -> None:
            await on_input(_texts(event, longest))

        element.on("input", follow, js_handler=_SEND_AFTER_A_PAUSE)
    return element


def _texts(event: GenericEventArguments, longest: int) -> dict[str, str]:
    values = event.args if isinstance(event.args, dict) else {}
    return {str(key): str(value)[:longest] for key, value in values.items()}


def form_error(text: str) -> ui.element | None:
    """What is wrong with the form as a whole; None when nothing is."""
    if not text:
        return None
    element = tag("div", "", "s-banner s-banner-bad", role="alert")
    with element:
        html(theme.icon("alert"), "s-icon", "span")
        tag("span", text)
    return element

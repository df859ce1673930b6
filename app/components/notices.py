"""What stands where data would: banners, empty cards, failures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from markupsafe import Markup
from nicegui import ui

from app import theme
from app.components.elements import html, tag

BannerKind = Literal["note", "good", "caution", "bad"]


def banner(kind: BannerKind, text: Markup | str) -> ui.html:
    """One line that matters for the whole page."""
    drawing = theme.icon("info" if kind == "note" else "check" if kind == "good" else "alert")
    return html(
        Markup('<span class="s-icon">{}</span><span>{}</span>').format(drawing, text),
        f"s-banner s-banner-{kind}",
    )


@contextmanager
def empty_card(icon: theme.Icon, title: str, text: str) -> Iterator[ui.element]:
    """Why there is nothing, and inside the block the button that changes it."""
    with tag("div", "", "s-card s-empty") as card:
        html(theme.icon(icon), "s-icon", "span")
        tag("h2", title)
        tag("p", text)
        with tag("div", "", "s-buttons"):
            yield card


def failure_card(reference: str, what: str = "This could not be shown.") -> ui.element:
    """A failure as people see it: its reference stands in the log beside the cause, which is never shown."""
    card = tag("div", "", "s-card s-empty", role="alert")
    with card:
        html(theme.icon("alert"), "s-icon", "span")
        tag("h2", what)
        tag(
            "p",
            "The server ran into a problem of its own. Your data is unharmed. Try again; "
            "if it stays, tell the operator this reference.",
        )
        tag("code", reference)
        with (
            tag("div", "", "s-buttons"),
            tag("button", "", "s-button s-plain", type="button", data_reload=""),
        ):
            tag("span", "Try again")
    return card

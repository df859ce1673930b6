"""Small facts: a pill, a figure in a card."""

from typing import Literal

from markupsafe import Markup
from nicegui import ui

from app.components.elements import html

PillKind = Literal["good", "caution", "bad", "note", "primary", "plain"]


def pill(kind: PillKind, text: str) -> Markup:
    """A dot and a word, to be put into tables and lines: colour never speaks alone."""
    return Markup('<span class="s-pill s-pill-{}">{}</span>').format(kind, text)


def figure_card(name: str, value: Markup | str, *, unit: str = "", note: Markup | str = "") -> ui.html:
    """One figure with its name above and what it is measured against below."""
    small = Markup(" <small>{}</small>").format(unit) if unit else ""
    below = Markup('<p class="s-note">{}</p>').format(note) if note else ""
    return html(
        Markup('<h2 class="s-name">{}</h2><p class="s-value">{}{}</p>{}').format(name, value, small, below),
        "s-card s-figure",
    )

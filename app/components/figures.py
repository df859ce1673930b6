"""Small facts: a pill, a figure in a card."""

from collections.abc import Iterable
from typing import Literal

from markupsafe import Markup

PillKind = Literal["good", "caution", "bad", "note", "primary", "plain"]


def pill(kind: PillKind, text: str) -> Markup:
    """A dot and a word, to be put into tables and lines: colour never speaks alone."""
    return Markup('<span class="s-pill s-pill-{}">{}</span>').format(kind, text)


def figure(name: str, value: Markup | str, *, unit: str = "", note: Markup | str = "") -> Markup:
    """One figure with its name above and what it is measured against below."""
    small = Markup(" <small>{}</small>").format(unit) if unit else ""
    below = Markup('<p class="s-note">{}</p>').format(note) if note else ""
    return Markup(
        '<section class="s-card s-figure"><h2 class="s-name">{}</h2><p class="s-value">{}{}</p>{}</section>'
    ).format(name, value, small, below)


def card(title: str, body: Markup, *, more: Markup | str = "", is_flush: bool = False) -> Markup:
    """`frame.card` for what only shows: pages that follow the gateway replace such cards whole."""
    head = Markup('<div class="s-head"><h2>{}</h2>{}</div>').format(title, more) if title else ""
    return Markup('<section class="s-card{}">{}{}</section>').format(
        " s-flush" if is_flush else "", head, body
    )


def joined(parts: Iterable[Markup], classes: str) -> Markup:
    """Parts in one box, a grid for instance."""
    return Markup('<div class="{}">{}</div>').format(classes, Markup("").join(parts))

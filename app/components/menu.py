"""A row's menu: a button with three dots, and under it the acts of that row.

It is the browser's own popover: it closes by Escape and by a click elsewhere, gives the focus back, and no table
clips it. Where it stands, and the arrow keys, are in assets/starscoo.js.
"""

from collections.abc import Iterable

from markupsafe import Markup

from app import theme


def render(name: str, acts: Iterable[Markup], *, label: str) -> Markup:
    """`name` is an id of its own on the page; `acts` are buttons made by `act`; `label` says what they are for."""
    return Markup(
        '<button type="button" class="s-icon-button" id="{0}-button" popovertarget="{0}" aria-label="{1}">'
        '<span class="s-icon">{2}</span></button>'
        '<div class="s-pop" id="{0}" popover role="group" aria-label="{1}">{3}</div>'
    ).format(name, label, theme.icon("more"), Markup("").join(acts))

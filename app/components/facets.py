"""Filters with the values that there are and how many entries each has: one small list of boxes per facet.

All of it is one piece of markup with one listener. It is drawn anew after each tick, with the list that was open still
open; the box that had the focus gets it back by its `data-act` (assets/starscoo.js).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup
from nicegui import ui
from nicegui.events import GenericEventArguments

from app import theme, words
from app.components.elements import html

_TICKED: Final = """(e) => {
  const facet = e.target.closest("[data-facet]");
  if (!facet || e.target.type !== "checkbox") return;
  const values = [...facet.querySelectorAll("input:checked")].map((box) => box.value);
  emit(facet.dataset.facet, values);
}"""
_CLEARED: Final = "(e) => { if (e.target.closest('[data-unfilter]')) emit(); }"
SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a facet. `count` None: not counted."""

    value: str
    word: str
    count: int | None
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Facet:
    """`name` is what addresses call it. Its values stand in the order given; those beyond `SHOWN` are left out."""

    name: str
    title: str
    values: Sequence[Value]

    @property
    def chosen(self) -> list[Value]:
        return [value for value in self.values if value.is_chosen]


class Facets:
    """`on_choose` hears the facet and its chosen values; `on_clear` that nothing is to be filtered."""

    def __init__(
        self,
        facets: Sequence[Facet],
        *,
        on_choose: Callable[[str, list[str]], Awaitable[None]],
        on_clear: Callable[[], Awaitable[None]],
    ) -> None:
        self._open = ""
        self._element: ui.html = html(render(facets), "f-facets")
        self._element.props.update({"role": "group", "aria-label": "Filters"})

        async def ticked(event: GenericEventArguments) -> None:
            name, values = event.args
            self._open = str(name)
            await on_choose(str(name), [str(value) for value in values])

        async def cleared() -> None:
            self._open = ""
            await on_clear()

        self._element.on("change", ticked, js_handler=_TICKED)
        self._element.on("click", cleared, js_handler=_CLEARED)

    def show(self, facets: Sequence[Facet]) -> None:
        drawn = str(render(facets, is_open=self._open))
        if self._element.content != drawn:
            self._element.set_content(drawn)

    def fold(self) -> None:
        """At the next drawing none is open: the page has moved on."""
        self._open = ""


def render(facets: Sequence[Facet], *, is_open: str = "") -> Markup:
    parts = [_facet(facet, is_open=facet.name == is_open) for facet in facets]
    if any(facet.chosen for facet in facets):
        parts.append(
            Markup(
                '<button type="button" class="s-button s-slim s-quiet-button" data-unfilter="">Clear filters</button>'
            )
        )
    return Markup("").join(parts)


def _facet(facet: Facet, *, is_open: bool) -> Markup:
    chosen = facet.chosen
    told: Markup | str = ""
    if len(chosen) == 1:
        told = Markup(': <b class="s-clip">{}</b>').format(chosen[0].word)
    elif chosen:
        told = Markup(": <b>{} chosen</b>").format(len(chosen))
    return Markup(
        '<details class="f-facet{}" name="facets" data-facet="{}"{}><summary class="s-button s-slim s-plain">'
        '<span>{}{}</span><span class="s-icon">{}</span></summary>'
        '<div class="f-list" role="group" aria-label="{}">{}</div></details>'
    ).format(
        " f-set" if chosen else "",
        facet.name,
        Markup(" open") if is_open else "",
        facet.title,
        told,
        theme.icon("down"),
        facet.title,
        _values(facet),
    )


def _values(facet: Facet) -> Markup:
    if not facet.values:
        return Markup('<p class="s-quiet">Nothing to choose from.</p>')
    shown = [*facet.values[:SHOWN], *(value for value in facet.values[SHOWN:] if value.is_chosen)]
    rows = Markup("").join(_value(facet.name, value) for value in shown)
    left = len(facet.values) - len(shown)
    more = Markup('<p class="s-faint s-small">{} more have fewer.</p>').format(left) if left else Markup("")
    return rows + more


def _value(name: str, value: Value) -> Markup:
    count = "" if value.count is None else words.exact(value.count)
    return Markup(
        '<label><input type="checkbox" value="{0}" data-act="facet-{1}" data-id="{0}"{2}>'
        '<span class="s-clip" title="{3}" dir="auto">{3}</span><span class="s-num">{4}</span></label>'
    ).format(value.value, name, Markup(" checked") if value.is_chosen else "", value.word, count)

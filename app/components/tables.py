"""The table: rows are markup, one listener serves all buttons in it, and on phones rows stack with their labels."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup
from nicegui import ui
from nicegui.events import GenericEventArguments

from app.components.elements import html

_PRESSED: Final = (
    "(e) => { const b = e.target.closest('[data-act]'); if (b) { emit(b.dataset.act, b.dataset.id || ''); } }"
)

_PUT: Final = """
for (const [id, markup] of Object.entries(%s)) {
  const cell = document.getElementById(id);
  if (cell) cell.innerHTML = markup;
}
"""

Cell = Markup | str


@dataclass(frozen=True, slots=True)
class Column:
    """`is_number` sets figures flush right; `is_name` marks the cell that names its row, `is_state` its pill."""

    title: str
    is_number: bool = False
    is_name: bool = False
    is_title_hidden: bool = False
    is_state: bool = False

    @property
    def css(self) -> str:
        names = {"s-num": self.is_number, "s-name-cell": self.is_name, "s-state": self.is_state}
        return " ".join(name for name, is_set in names.items() if is_set)


def render(
    columns: Sequence[Column | str],
    rows: Sequence[Sequence[Cell]],
    *,
    caption: str,
    total: Sequence[Cell] = (),
) -> Markup:
    """Strings are escaped, Markup is taken as it is. `total` is a last row set apart."""
    heads = [column if isinstance(column, Column) else Column(column) for column in columns]
    head = Markup("").join(
        Markup('<th scope="col" role="columnheader"{}>{}</th>').format(
            Markup(' class="s-num"') if each.is_number else "",
            Markup('<span class="s-sr">{}</span>').format(each.title) if each.is_title_hidden else each.title,
        )
        for each in heads
    )
    body = Markup("").join(_row(heads, row) for row in rows)
    foot = Markup('<tfoot role="rowgroup">{}</tfoot>').format(_row(heads, total)) if total else ""
    return Markup(
        '<div class="s-table-box" role="region" tabindex="0" aria-label="{0}"><table class="s-table" role="table">'
        '<caption class="s-sr">{0}</caption><thead role="rowgroup"><tr role="row">{1}</tr></thead>'
        '<tbody role="rowgroup">{2}</tbody>{3}</table></div>'
    ).format(caption, head, body, foot)


def table(
    columns: Sequence[Column | str],
    rows: Sequence[Sequence[Cell]],
    *,
    caption: str,
    total: Sequence[Cell] = (),
    on_act: Callable[[str, str], Awaitable[None]] | None = None,
) -> ui.html:
    """Draws it. `on_act(act, id)` hears the buttons made by `act`."""
    element = html(render(columns, rows, caption=caption, total=total))
    if on_act:
        listen(element, on_act)
    return element


def listen(element: ui.element, heard: Callable[[str, str], Awaitable[None]]) -> None:
    """Hears the buttons made by `act` anywhere in an element's markup."""

    async def pressed(event: GenericEventArguments) -> None:
        act_name, subject = event.args
        await heard(str(act_name), str(subject))

    element.on("click", pressed, js_handler=_PRESSED)


def kept(name: str, content: Cell) -> Markup:
    """What stands in a cell, under an id by which `put` finds it."""
    return Markup('<span class="s-kept" id="{}">{}</span>').format(name, content)


def put(cells: Mapping[str, Cell]) -> None:
    """New content for what `kept` drew, where it stands: the rest of the table stays, and with it an open menu and
    the focus."""
    ui.run_javascript(
        _PUT % json.dumps({name: str(Markup("{}").format(cell)) for name, cell in cells.items()})
    )


def act(name: str, subject: str, text: str, *, label: str = "", kind: str = "plain") -> Markup:
    """A button in a row. `label` is what a screen reader says, as many rows have the same word."""
    return Markup(
        '<button type="button" class="s-button s-slim s-{}" data-act="{}" data-id="{}"{}>{}</button>'
    ).format(kind, name, subject, Markup(' aria-label="{}"').format(label) if label else "", text)


def clipped(text: str) -> Markup:
    """A long name ends in an ellipsis; the whole stands in its title."""
    return Markup('<span class="s-clip" title="{}" dir="auto">{}</span>').format(text, text)


def _row(columns: Sequence[Column], cells: Sequence[Cell]) -> Markup:
    return Markup('<tr role="row">{}</tr>').format(
        Markup("").join(
            Markup('<td role="cell" data-label="{}"{}>{}</td>').format(
                "" if column.is_title_hidden else column.title,
                Markup(' class="{}"').format(column.css) if column.css else "",
                cell,
            )
            for column, cell in zip(columns, cells, strict=True)
        )
    )

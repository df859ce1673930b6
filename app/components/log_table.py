"""The log as a table: one row an entry, and all of a row opens it. The button that does stands in its first cell and
covers the row, so that keyboards and screen readers have one thing to press."""

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from app import refusal_words, words
from app.asked import STATUSES
from app.components.figures import PillKind, pill
from app.components.tables import clipped
from models.ledger import RequestRow
from models.refusals import RefusalRow
from models.request_log import Entry
from models.usage_filters import REFUSED, RUNNING

KINDS: Final[dict[str, PillKind]] = {
    "ok": "good",
    "error": "bad",
    "cut": "bad",
    "interrupted": "bad",
    "client_abort": "caution",
    RUNNING: "note",
    REFUSED: "caution",
}
_HEADS: Final = (("Time", ""), ("Status", ""), ("Model", ""), ("Key", ""))
_FIGURES: Final = (
    ("Tokens in", "s-num"),
    ("Tokens out", "s-num"),
    ("First token", "s-num"),
    ("Total", "s-num"),
    ("Cost", "s-num"),
)


SHORT: Final = 18


def status_of(entry: Entry) -> str:
    if entry.row is None:
        return REFUSED
    return entry.row.outcome or RUNNING


def status_pill(entry: Entry) -> Markup:
    status = status_of(entry)
    return pill(KINDS.get(status, "plain"), STATUSES.get(status, status))


def render(
    entries: Sequence[Entry], *, names: Mapping[int, str], now: int, is_refused: bool = False
) -> Markup:
    """`names` are of the keys by their internal id. `is_refused`: all of them are, so figures have no columns."""
    heads = (*_HEADS, ("Why", "")) if is_refused else (*_HEADS, *_FIGURES)
    head = Markup("").join(
        Markup('<th scope="col" role="columnheader"{}>{}</th>').format(
            Markup(' class="{}"').format(css) if css else "", title
        )
        for title, css in heads
    )
    rows = Markup("").join(_row(entry, names, now, 1 if is_refused else len(_FIGURES)) for entry in entries)
    return Markup(
        '<div class="s-table-box l-log s-compact"><table class="s-table" role="table">'
        '<caption class="s-sr">{}</caption><thead role="rowgroup"><tr role="row">{}</tr></thead>'
        '<tbody role="rowgroup">{}</tbody></table></div>'
    ).format("Requests, newest first", head, rows)


def _row(entry: Entry, names: Mapping[int, str], now: int, columns: int) -> Markup:
    """Times stand in the visitor's own, with seconds."""
    owner = entry.row or entry.refusal
    assert owner is not None
    at = entry.at_ms // 1000
    opener = Markup(
        '<button type="button" class="l-open" data-act="open" data-id="{}" aria-haspopup="dialog">{}</button>'
    ).format(entry.id, words.clock(at))
    mark = Markup("")
    if entry.row is not None and entry.row.is_stream:
        mark = Markup(' <span class="l-stream" title="Streamed">≈<span class="s-sr"> streamed</span></span>')
    model = Markup("{}{}").format(_clipped(owner.model or "–"), mark)
    key = _clipped(names.get(owner.key_id, "a former key"))
    rest = _figures(entry.row) if entry.row is not None else _reason(entry.refusal, now, columns)
    return Markup(
        '<tr role="row" class="l-row"><td role="cell" data-label="Time" class="l-time">{}</td>'
        '<td role="cell" data-label="Status" class="s-state">{}</td>'
        '<td role="cell" data-label="Model" class="s-name-cell">{}</td>'
        '<td role="cell" data-label="Key">{}</td>{}</tr>'
    ).format(opener, status_pill(entry), model, key, rest)


def _figures(row: RequestRow) -> Markup:
    prompt = row.input_tokens + row.cache_read_tokens + row.cache_write_tokens
    estimate = Markup('<span title="Estimated">~</span>') if row.is_estimated and row.outcome else Markup("")
    is_running = row.outcome is None
    cells: tuple[tuple[str, Markup | str], ...] = (
        ("Tokens in", "–" if is_running else Markup("{}{}").format(estimate, words.counted(prompt))),
        (
            "Tokens out",
            "–" if is_running else Markup("{}{}").format(estimate, words.counted(row.output_tokens)),
        ),
        ("First token", _time(row.first_token_ms)),
        ("Total", _time(row.total_ms)),
        ("Cost", "–" if is_running else words.dollars(row.cost_nusd)),
    )
    return Markup("").join(
        Markup('<td role="cell" data-label="{}" class="s-num">{}</td>').format(label, cell)
        for label, cell in cells
    )


def _reason(refusal: RefusalRow | None, now: int, columns: int) -> Markup:
    text = "" if refusal is None else refusal_words.reason(refusal, now=now)
    return Markup(
        '<td role="cell" data-label="Why" colspan="{1}" class="l-why"><span title="{0}">{0}</span></td>'
    ).format(text, columns)


def _clipped(text: str) -> Markup:
    """What fits needs no title: a page has a hundred of these."""
    return clipped(text) if len(text) > SHORT else Markup('<span dir="auto">{}</span>').format(text)


def _time(ms: int | None) -> str:
    return "–" if ms is None else words.duration(ms)

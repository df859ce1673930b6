"""Requests by model as bars of words and widths: no script, and a table for those who cannot see the bars."""

from collections.abc import Iterable
from typing import Final

from markupsafe import Markup

from app import words
from models.usage import DayLine

_MOST: Final = 6


def shares(lines: Iterable[DayLine]) -> list[tuple[str, int]]:
    """Requests per model, largest first; past the sixth everything else is `other`."""
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.model] = sums.get(line.model, 0) + line.requests
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[_MOST:])
    return ordered[:_MOST] + ([("other", rest)] if rest else [])


def render(lines: Iterable[DayLine]) -> Markup:
    found = shares(lines)
    most = max((count for _, count in found), default=1) or 1
    rows = Markup("").join(
        Markup(
            '<tr><th scope="row"><span class="s-clip">{0}</span></th>'
            '<td aria-hidden="true" class="o-track"><i style="width:{1}%"></i></td><td class="s-num">{2}</td></tr>'
        ).format(model, max(1, count * 100 // most), words.counted(count))
        for model, count in found
    )
    return Markup(
        '<table class="o-bars"><caption class="s-sr">Requests by model in the last 30 days</caption>'
        "<tbody>{}</tbody></table>"
    ).format(rows)

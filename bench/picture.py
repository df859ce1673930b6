"""The picture for the README: bars of one figure each, on a scale of powers of ten, as an SVG file that every browser
and repository page shows; it is drawn here because a chart library's own export needs a browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path

WIDTH, MARGIN, BAR, GAP = 860, 170, 22, 8
INK, QUIET, OWN, OTHER = "#1f2430", "#6b7280", "#2f5fd0", "#b8c0cc"


@dataclass(frozen=True)
class Panel:
    """One figure of all contenders."""

    title: str
    unit: str
    values: Sequence[tuple[str, float]]


def draw(panels: Sequence[Panel], footnote: str) -> str:
    """The whole file. Panels without values are left out."""
    parts: list[str] = []
    top = 16
    for panel in panels:
        if panel.values:
            body, top = _panel(panel, top)
            parts += body
    parts.append(_text(16, top + 12, footnote, size=11, fill=QUIET))
    height = top + 28
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="Inter, system-ui, sans-serif" role="img" aria-label="{escape(panels[0].title)}">'
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def write(path: Path, panels: Sequence[Panel], footnote: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(draw(panels, footnote))


def _panel(panel: Panel, top: int) -> tuple[list[str], int]:
    parts = [_text(16, top + 16, panel.title, size=15, weight=600)]
    y = top + 30
    least = min(value for _, value in panel.values)
    most = max(value for _, value in panel.values)
    floor = 10 ** (int(log10(max(least, 1e-3))) - 1)
    room = WIDTH - MARGIN - 150
    for name, value in panel.values:
        share = log10(max(value, floor) / floor) / log10(most / floor)
        fill = OWN if name.startswith("Starscoo") else OTHER
        parts.append(_text(16, y + 16, name, size=13, weight=600 if fill == OWN else 400))
        parts.append(
            f'<rect x="{MARGIN}" y="{y}" width="{max(2, share * room):.1f}" height="{BAR}" rx="3" fill="{fill}"/>'
        )
        shown = f"{value:,.0f}" if value >= 20 else f"{value:,.2g}"
        parts.append(_text(MARGIN + int(share * room) + 8, y + 16, f"{shown} {panel.unit}", size=13))
        y += BAR + GAP
    return parts, y + 14


def _text(x: int, y: int, words: str, *, size: int, weight: int = 400, fill: str = INK) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}">{escape(words)}</text>'

"""One limit as it stands: used, held by running requests, left, and when it starts anew."""

from typing import Final

from markupsafe import Markup
from nicegui import ui

from app import words
from app.components.elements import html
from models.live import Standing

_UNIT: Final = {"hourly_requests": "requests", "monthly_tokens": "tokens"}
_CAUTION_PERCENT: Final = 80
_BAD_PERCENT: Final = 95


def level(standing: Standing) -> str:
    """`plain`, from 80% `caution`, from 95% `bad`."""
    if standing.limit is None:
        return "plain"
    percent = _percent(standing.settled + standing.reserved, standing.limit)
    return "bad" if percent >= _BAD_PERCENT else "caution" if percent >= _CAUTION_PERCENT else "plain"


def render(
    standing: Standing, *, label: str, now: int, origin: Markup | str = "", is_slim: bool = False
) -> Markup:
    """The meter as markup, for cells and cards. `origin` tells where the value comes from."""
    unit = _UNIT[standing.name]
    used = standing.settled + standing.reserved
    parts: list[Markup | str] = []
    if standing.limit is None:
        head = Markup("{} <small class='s-faint'>no limit</small>").format(words.counted(used))
        spoken, bar = f"{words.exact(used)} {unit}, no limit", Markup("")
    else:
        head = Markup("{} of {}").format(words.counted(used), words.counted(standing.limit))
        spoken = f"{words.exact(used)} of {words.exact(standing.limit)} {unit}"
        bar = _bar(standing, label, spoken)
        parts.append(Markup("<strong>{} left</strong>").format(words.counted(standing.left or 0)))
    if standing.reserved:
        parts.append(f"{words.short(standing.reserved)} held by running requests")
    parts.append(Markup("resets {}").format(words.until(standing.resets_at, now)))
    if origin:
        parts.append(origin)
    foot = (
        Markup("") if is_slim else Markup('<p class="s-meter-foot">{}</p>').format(Markup(" · ").join(parts))
    )
    return Markup(
        '<div class="s-meter s-meter-{}{}"><div class="s-meter-head"><b>{}</b><span>{}</span></div>{}{}</div>'
    ).format(level(standing), " s-meter-slim" if is_slim else "", label, head, bar, foot)


def draw(standing: Standing, *, label: str, now: int, origin: Markup | str = "") -> ui.html:
    return html(render(standing, label=label, now=now, origin=origin))


def _bar(standing: Standing, label: str, spoken: str) -> Markup:
    limit = standing.limit or 0
    settled = min(100, _percent(standing.settled, limit))
    held = min(100 - settled, _percent(standing.reserved, limit))
    return Markup(
        '<div class="s-track" role="meter" aria-label="{}" aria-valuemin="0" aria-valuemax="{}" aria-valuenow="{}" '
        'aria-valuetext="{}"><i style="width:{}%"></i><i style="width:{}%"></i></div>'
    ).format(
        label, max(limit, 1), min(standing.settled + standing.reserved, max(limit, 1)), spoken, settled, held
    )


def _percent(part: int, whole: int) -> int:
    """Of a limit of 0 everything is used. Something used shows, however little."""
    if whole <= 0:
        return 100
    return 0 if part <= 0 else max(1, part * 100 // whole)

"""Where a limit comes from: plan, account, key, each step with its value and who set it."""

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from app import words
from models.limits import Ladder, Rung
from models.live import Limit

NAMES: Final[Mapping[Limit, str]] = {
    "hourly_requests": "Requests per hour",
    "monthly_tokens": "Tokens per month",
    "concurrent_requests": "Requests at once, per key",
}
_PER: Final[Mapping[Limit, str]] = {
    "hourly_requests": "/h",
    "monthly_tokens": "/month",
    "concurrent_requests": " at once",
}
_LAYERS: Final = {"plan": "Plan", "account": "Account", "key": "This key"}


def worded(name: Limit, value: int | None) -> str:
    """`1,000/h`, `5,000,000/month` or `no limit`."""
    return "no limit" if value is None else words.exact(value) + _PER[name]


def origin(name: Limit, ladder: Ladder) -> str:
    """`200/h · plan Starter`, `5,000/h · set by staff until 30 Nov`."""
    return f"{worded(name, ladder.value)} · {ladder.origin}{_end(_setter(ladder))}"


def render(name: Limit, ladder: Ladder, *, shows_author: bool = False) -> Markup:
    """All steps, the one that sets the value marked. Customers see that staff set a value and why, not who."""
    setter = _setter(ladder)
    steps = Markup("").join(
        _step(name, rung, is_setter=rung is setter, shows_author=shows_author) for rung in ladder.rungs
    )
    return Markup('<ol class="lim-ladder">{}</ol>').format(steps)


def _setter(ladder: Ladder) -> Rung:
    """The step whose value binds: a key set above its account is bound by the account."""
    setting = (rung for rung in reversed(ladder.rungs) if rung.is_set and rung.value == ladder.value)
    return next(setting, ladder.rungs[0])


def _step(name: Limit, rung: Rung, *, is_setter: bool, shows_author: bool) -> Markup:
    source = rung.origin.removeprefix("plan ") if rung.is_set else f"takes {rung.origin}"
    notes = [source + _end(rung)]
    if rung.author and shows_author:
        notes.append(f"by {rung.author}")
    if rung.reason:
        notes.append(f"“{rung.reason}”")
    return Markup(
        '<li class="{}"><span class="lim-layer">{}</span><span class="lim-value">{}</span>'
        '<span class="lim-note" dir="auto">{}</span></li>'
    ).format(
        "lim-sets" if is_setter else "",
        _LAYERS[rung.layer],
        worded(name, rung.value) if rung.is_set else "not set",
        " · ".join(notes),
    )


def _end(rung: Rung) -> str:
    return f" until {words.utc_day(rung.until)}" if rung.until else ""

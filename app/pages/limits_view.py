"""The limits of one account as markup, for its owner and for staff: read at once, drawn from figures alone.

Figures come from `live.standing` with what `limits_overview` read, the same as headers and the check itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from app import alert_line, components, refusal_words, words
from app.components import Column, ladder, meter, tables
from app.services import Services
from models import alerts, forecast, keys, limits, limits_overview, windows
from models.limits import Ladder
from models.limits_overview import AccountLimits, KeyLimits, Whole
from models.live import Limit, Standing
from models.overrides import Override
from models.refusals import RefusalRow

KEYS_PER_PAGE: Final = 25
REFUSALS_PER_PAGE: Final = 10

KEY_COLUMNS: Final = (
    Column("Key", is_name=True),
    Column(ladder.NAMES["hourly_requests"]),
    Column(ladder.NAMES["monthly_tokens"]),
)
Standings = Mapping[Limit, Standing]


@dataclass(frozen=True, slots=True)
class View:
    """Standings of keys are by public id, of the keys that are shown."""

    now: int
    whole: Whole
    account: Standings
    keys: Mapping[str, Standings]

    @property
    def overview(self) -> AccountLimits:
        return self.whole.limits

    @property
    def shown_keys(self) -> Sequence[KeyLimits]:
        return [one for one in self.overview.keys if one.key.public_id in self.keys]


async def read(
    services: Services,
    account_id: int,
    *,
    keys_shown: int = KEYS_PER_PAGE,
    refusals_shown: int = REFUSALS_PER_PAGE,
) -> View:
    """Raises `NoSuchAccount`."""
    now = services.now()
    whole = await services.database.read(
        limits_overview.whole, account_id, refusals_limit=refusals_shown, now=now
    )
    of_account = await services.live.standing(account_id, None, whole.limits.limits)
    of_keys = {
        one.key.public_id: await services.live.standing(account_id, one.key.id, one.limits)
        for one in whole.limits.keys[:keys_shown]
    }
    return View(
        now=now,
        whole=whole,
        account=_by_name(of_account),
        keys={public_id: _by_name(pair) for public_id, pair in of_keys.items()},
    )


def shape(view: View) -> object:
    """What the page is made of beside its figures: as long as it stays the same, figures alone are replaced."""
    whole = view.whole
    return (
        view.overview.ladders,
        [(one.key.id, one.key.name, one.ladders) for one in view.shown_keys],
        len(view.overview.keys),
        [(one.id, one.state, one.answer) for one in whole.asks],
        whole.levels,
        bool(whole.refused),
    )


def account_cards(view: View, *, shows_author: bool = False) -> Markup:
    """Both limits of the account, side by side, with figures, forecast and ladders; below, how many requests each key
    may run at once."""
    cards = [
        components.card("", _limit(view, standing, shows_author=shows_author))
        for standing in view.account.values()
    ]
    at_once = view.overview.ladders["concurrent_requests"]
    head = Markup('<div class="s-meter-head"><b>{}</b><span>{}</span></div>').format(
        ladder.NAMES["concurrent_requests"], ladder.worded("concurrent_requests", at_once.value)
    )
    note = Markup('<p class="lim-note">{}</p>').format(
        "Each key counts its own running requests. Only staff of this server changes this value."
    )
    steps = ladder.render("concurrent_requests", at_once, shows_author=shows_author)
    beside = components.joined([head + note, steps], "lim-beside")
    return components.joined(cards, "s-grid2") + components.card("", beside)


def _limit(view: View, standing: Standing, *, shows_author: bool) -> Markup:
    name = standing.name
    head = meter.render(standing, label=ladder.NAMES[name], now=view.now, is_slim=True)
    steps = ladder.render(name, view.overview.ladders[name], shows_author=shows_author)
    return components.joined(
        [head, _figures(standing, view.now), _outlook(view, standing), steps], "lim-card"
    )


def _figures(standing: Standing, now: int) -> Markup:
    """Settled, held by running requests, left, and when it starts anew."""
    left = "no limit" if standing.left is None else words.counted(standing.left)
    pairs: list[tuple[str, Markup | str]] = [
        ("Settled", words.counted(standing.settled)),
        ("Held by running requests", words.counted(standing.reserved)),
        ("Left", left),
        ("Resets", words.until(standing.resets_at, now)),
    ]
    return Markup('<dl class="lim-figures">{}</dl>').format(
        Markup("").join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(*pair) for pair in pairs)
    )


def _outlook(view: View, standing: Standing) -> Markup:
    pace = view.whole.pace
    if standing.name == "hourly_requests":
        text: Markup | str = f"Busiest hour of the last 7 days: {words.plural(pace.busiest_hour, 'request')}."
        if not pace.busiest_hour:
            text = "No request in the last 7 days."
    else:
        text = outlook(forecast.of_month(standing, pace, now=view.now), pace, view.now)
    return Markup('<p class="lim-note">{}</p>').format(text)


def outlook(found: forecast.Forecast, pace: forecast.Pace, now: int) -> Markup | str:
    """The forecast in a sentence that does not claim more than is known."""
    days = max(1, pace.hours // 24)
    span = f"the last {words.plural(days, 'day')}"
    if found.kind == "unlimited":
        return "Nothing to use up: this account has no monthly cap."
    if found.kind == "used_up":
        return "Used up for this month."
    if found.kind == "too_little":
        return "Too little use yet for a forecast: it needs two days of requests."
    if found.kind == "lasts":
        return f"At the pace of {span} it lasts: some {found.percent}% will be used at the month's end."
    is_soon = found.at - now < windows.DAY
    about = words.utc(found.at) if is_soon else words.utc_day(found.at).rsplit(" ", 2)[0]
    return Markup("<strong>Used up about {}</strong>, at the pace of {}.").format(about, span)


def key_cells(view: View, one: KeyLimits) -> tuple[Markup, ...]:
    """Name and both limits of a key, as the row of a table."""
    return (
        Markup('<span class="lim-key">{}<span class="s-mono s-small s-faint">{}</span></span>').format(
            components.clipped(one.key.name), keys.masked(one.key)
        ),
        *(
            Markup('<span class="lim-cell" id="{}">{}</span>').format(
                _cell_id(one, name), _cell(view, one, name)
            )
            for name in view.keys[one.key.public_id]
        ),
    )


def cells(view: View) -> dict[str, str]:
    """What changes in the rows of keys while requests come in, by the id of its place."""
    return {
        _cell_id(one, name): str(_cell(view, one, name))
        for one in view.shown_keys
        for name in view.keys[one.key.public_id]
    }


def _cell(view: View, one: KeyLimits, name: Limit) -> Markup:
    standing = view.keys[one.key.public_id][name]
    whose = "This key" if standing.layer == "key" else "Whole account"
    return meter.render(standing, label=whose, now=view.now, is_slim=True) + Markup(
        '<span class="s-small s-faint">{}</span>'
    ).format(ladder.origin(name, one.ladders[name]))


def _cell_id(one: KeyLimits, name: Limit) -> str:
    return f"limit-{one.key.public_id}-{name}"


def in_row(*buttons: Markup) -> Markup:
    """A row's buttons, at its end."""
    return Markup('<span class="s-row-actions">{}</span>').format(Markup("").join(buttons))


def changed(name: Limit, change: limits.Change) -> str:
    """`requests per hour 1,000/h → 200/h`."""
    old, new = (ladder.worded(name, value) for value in (change.old, change.new))
    return f"{ladder.NAMES[name].lower()} {old} → {new}"


def alert_notices(view: View) -> Markup:
    """What stands at an alert level now, and when that is over, but for what stands above every page."""
    above = next((alert for alert in view.whole.alerts if alert.is_highest), None)
    lines = [
        Markup('<div class="s-banner s-banner-{}" role="note"><span>{} Resets {}.</span></div>').format(
            "bad" if alert.is_highest else "caution" if alert.level > alerts.DEFAULT_LEVELS[0] else "note",
            alert_line.sentence(alert),
            words.until(alert.resets_at, view.now),
        )
        for alert in view.whole.alerts
        if alert is not above
    ]
    return components.joined(lines, "s-stack s-tight") if lines else Markup("")


def refusals(view: View, *, is_owner: bool) -> Markup:
    """The last refusals with what there is to know of each; the owner gets the buttons that change something."""
    rows = [_refusal_row(row, view, is_owner=is_owner) for row in view.whole.refused]
    columns = [
        Column("When"),
        Column("Key", is_name=True),
        Column("Model"),
        Column("Why"),
        Column("Set by"),
        Column("Act", is_title_hidden=True),
    ]
    if not is_owner:
        rows = [row[:-1] for row in rows]
        columns.pop()
    return tables.render(columns, rows, caption="The last refused requests and why")


def _refusal_row(row: RefusalRow, view: View, *, is_owner: bool) -> tuple[Markup, ...]:
    return (
        Markup('<span class="lim-when">{}</span>').format(words.ago(row.at, view.now)),
        components.clipped(view.overview.names.get(row.key_id, "a former key")),
        components.clipped(row.model or "–"),
        _reason(row, view.now),
        _setter(row, view, is_owner=is_owner),
        in_row(_remedy(row, view)) if is_owner else Markup(""),
    )


def _reason(row: RefusalRow, now: int) -> Markup:
    more = f" And {words.exact(row.skipped)} more before it." if row.skipped else ""
    return Markup('<span class="lim-why"><code>{} {}</code> {}{}</span>').format(
        row.status, row.code, refusal_words.reason(row, now=now), more
    )


def _setter(row: RefusalRow, view: View, *, is_owner: bool) -> Markup:
    if row.limit_name is None:
        return Markup("")
    override = view.whole.setters.get(row.request_id)
    if override is None:
        return Markup("{}").format(f"plan {view.overview.account.plan.capitalize()}")
    own = "you" if is_owner and override.author == view.overview.account.email else override.author
    return Markup('<span class="a-long" dir="auto">{}</span>').format(
        _set_by(override, own, is_owner=is_owner)
    )


def _set_by(override: Override, own: str, *, is_owner: bool) -> str:
    if not override.is_staff:
        return f"{own}, on this key"
    who = "staff" if is_owner else override.author
    return f"{who}: “{override.reason}”" if override.reason else who


def _remedy(row: RefusalRow, view: View) -> Markup:
    """What changes the limit that refused: the key's own, where that was lower, or asking for more."""
    one = next((one for one in view.overview.keys if one.key.id == row.key_id), None)
    if row.limit_name in limits.KEY_LIMITS and row.layer == "key" and one is not None:
        return components.act(
            "change", one.key.public_id, "Change", label=f"Change the limits of {one.key.name}, which refused"
        )
    if row.limit_name is not None:
        return components.act(
            "ask", row.limit_name, "Ask for more", label="Ask for more of the limit that refused"
        )
    return Markup("")


def _by_name(pair: tuple[Standing, Standing]) -> dict[Limit, Standing]:
    return {standing.name: standing for standing in pair}


def may_ask(ladders: Mapping[Limit, Ladder]) -> dict[Limit, str]:
    """The limits that one can ask more of, with their words."""
    return {name: ladder.NAMES[name] for name, steps in ladders.items() if steps.value is not None}

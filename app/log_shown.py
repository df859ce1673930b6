"""What the log of requests shows, as its address says it: view, stretch of time, filters, place, open request."""

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

from app import asked
from app.asked import Chosen, Params
from models import windows
from models.request_log import Cursor, Query, View
from models.usage_filters import Filters

Last = Literal["1h", "24h", "7d", "30d", "all"]
VIEWS: Final[dict[View, str]] = {"all": "All", "errors": "Errors", "refused": "Refused", "slow": "Slow"}
LASTS: Final[dict[Last, str]] = {
    "1h": "1 hour",
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "all": "All kept",
}
_SECONDS: Final[dict[Last, int]] = {
    "1h": windows.HOUR,
    "24h": windows.DAY,
    "7d": 7 * windows.DAY,
    "30d": 30 * windows.DAY,
}
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True)
class Shown:
    """`since` and `until` are of a stretch that was chosen elsewhere, a bar of a chart for instance; they go before
    `last`. `before` or `after` is where the page begins; None is the newest."""

    view: View = "all"
    last: Last = "all"
    picked: Chosen = Chosen()  # noqa: RUF009  # frozen
    since: int | None = None
    until: int | None = None
    before: Cursor | None = None
    after: Cursor | None = None
    request: str = ""

    @property
    def address(self) -> str:
        params: list[tuple[str, str]] = [] if self.view == "all" else [("view", self.view)]
        if self.is_cut:
            params += [
                (name, asked.iso(at))
                for name, at in (("from", self.since), ("to", self.until))
                if at is not None
            ]
        elif self.last != "all":
            params.append(("last", self.last))
        params += self.picked.params
        for name, place in (("before", self.before), ("after", self.after)):
            if place is not None:
                params.append((name, f"{place.at_ms}.{place.id}"))
        if self.request:
            params.append(("request", self.request))
        return asked.address("/app/requests", params)

    @property
    def is_cut(self) -> bool:
        return self.since is not None or self.until is not None

    @property
    def is_narrowed(self) -> bool:
        """Whether entries may exist that it does not show."""
        return self.is_cut or self.picked.is_any or self.view != "all" or self.last != "all"

    @property
    def follows(self) -> bool:
        """Whether what arrives now would stand at its head."""
        return self.before is None and self.after is None and self.until is None

    def query(self, filters: Filters, now: int) -> Query:
        if self.is_cut:
            return Query(self.view, filters, self.since, self.until)
        if self.last == "1h":
            return Query(self.view, filters, now - windows.HOUR)
        if self.last == "all":
            return Query(self.view, filters)
        return Query(self.view, filters, (windows.hour_of(now) + 1) * windows.HOUR - _SECONDS[self.last])

    def anew(self, **changed: object) -> "Shown":
        """From the newest entry on, with another choice."""
        return replace(self, before=None, after=None, request="", **changed)  # type: ignore[arg-type]


def parse(address: str) -> Shown:
    params = asked.params_of(address)
    since, until = asked.moment(params, "from"), asked.moment(params, "to")
    before, after = _cursor(params, "before"), _cursor(params, "after")
    return Shown(
        view=asked.word(params, "view", get_args(View), "all"),
        last=asked.word(params, "last", get_args(Last), "all"),
        picked=asked.chosen(params),
        since=since,
        until=until,
        before=before,
        after=None if before else after,
        request=params.get("request", ("",))[-1][:_LONGEST_ID],
    )


def _cursor(params: Params, name: str) -> Cursor | None:
    at, _, request_id = params.get(name, ("",))[-1].partition(".")
    if not (at.isascii() and at.isdigit() and len(at) <= 14):
        return None
    return Cursor(int(at), request_id[:_LONGEST_ID].replace("\0", ""))

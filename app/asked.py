"""What addresses ask for: times, filters, the view, as pages of usage and requests and their files share them.

An address says everything that a page shows, so that reloading, going back and sharing give the same view. What it
does not say, or says wrongly, is as usual; a key that is not the account's matches nothing, known elsewhere or not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

from models.keys import ApiKey
from models.usage_filters import ENDS, REFUSED, RUNNING, Filters

STATUSES: Final[dict[str, str]] = {
    "ok": "OK",
    "error": "Failed",
    "cut": "Cut off",
    "interrupted": "Interrupted",
    "client_abort": "Client left",
    RUNNING: "Running",
    REFUSED: "Refused",
}
"""How an entry of the log stands, in words."""
_MOST_VALUES: Final = 50
_NOBODYS_KEY: Final = 0
Word = TypeVar("Word", bound=str)
Params = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Values of the filters as addresses name them; keys by their public ids."""

    models: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        return bool(self.models or self.keys or self.statuses)

    @property
    def params(self) -> list[tuple[str, str]]:
        return [
            *(("model", model) for model in self.models),
            *(("key", key) for key in self.keys),
            *(("status", status) for status in self.statuses),
        ]

    def filters(self, keys: Iterable[ApiKey]) -> Filters:
        """For the tables; `keys` are all of the account."""
        ids = {key.public_id: key.id for key in keys}
        key_ids = tuple(ids.get(public_id, _NOBODYS_KEY) for public_id in self.keys)
        return Filters(self.models, key_ids, self.statuses)

    def of(self, facet: str) -> tuple[str, ...]:
        return {"model": self.models, "key": self.keys, "status": self.statuses}[facet]

    def having(self, facet: str, values: Iterable[str]) -> "Chosen":
        """With these values of one facet instead."""
        taken = tuple(dict.fromkeys(value[:200] for value in values))[:_MOST_VALUES]
        if facet == "model":
            return Chosen(taken, self.keys, self.statuses)
        if facet == "key":
            return Chosen(self.models, taken, self.statuses)
        known = tuple(value for value in taken if value in STATUSES)
        return Chosen(self.models, self.keys, known) if facet == "status" else self


def params_of(address: str) -> Params:
    return parse_qs(urlsplit(address).query, keep_blank_values=True)


def chosen(params: Params) -> Chosen:
    found = Chosen()
    for facet in ("model", "key", "status"):
        found = found.having(facet, params.get(facet, ()))
    return found


def word(params: Params, name: str, known: Iterable[Word], usual: Word) -> Word:
    """The value of that name where it is one of the known ones."""
    asked = params.get(name, ("",))[-1]
    return next((value for value in known if value == asked), usual)


def moment(params: Params, name: str) -> int | None:
    """Unix seconds of a time in ISO 8601; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(params.get(name, ("",))[-1].replace(" ", "+"))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    at = int(found.timestamp())
    return at if 0 <= at < 10**10 else None


def iso(at: int) -> str:
    """2026-11-22T14:00Z, with seconds only where there are some."""
    form = "%Y-%m-%dT%H:%M:%SZ" if at % 60 else "%Y-%m-%dT%H:%MZ"
    return datetime.fromtimestamp(at, UTC).strftime(form)


def address(path: str, params: Iterable[tuple[str, str]]) -> str:
    query = urlencode(list(params), safe=":")
    return f"{path}?{query}" if query else path


def log_address(
    picked: Chosen,
    *,
    view: str = "all",
    since: int | None = None,
    until: int | None = None,
    request: str = "",
) -> str:
    """Of the log of requests. What is as usual is left out."""
    params: list[tuple[str, str]] = [] if view == "all" else [("view", view)]
    params += [(name, iso(at)) for name, at in (("from", since), ("to", until)) if at is not None]
    params += picked.params
    if request:
        params.append(("request", request))
    return address("/app/requests", params)


def ended(statuses: Sequence[str]) -> tuple[str, ...]:
    """Those of them that sums are kept of, and refusals."""
    return tuple(status for status in statuses if status in ENDS or status == REFUSED)

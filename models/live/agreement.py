"""Do the counters that decide admission say what the tables say?

A settlement reaches the tables first and the counters a moment later, so a running account is looked at several
times: tables, counters, tables again. What differs twice in the same way while both stand still is a difference; an
account that never stands still is told as busy.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from models import counts
from models.counts import AccountUsed, Used
from models.database import Database
from models.live import Limits, Live, Standing

AT_ONCE: Final = 100
LOOKS: Final = 4
PAUSE_S: Final = 0.25
_NO_LIMITS: Final = Limits(None, None, None, None)

Figures = dict[int | None, tuple[int, int, int]]
"""By key, None for the account: requests of the hour, settled and reserved tokens of the month."""


_Seen = tuple[Figures, Figures]
"""What the tables and the counters said."""
_NOTHING: Final[_Seen] = ({}, {})


@dataclass(slots=True)
class Agreement:
    """`counters` were compared, of accounts that stood still; the other accounts are `busy`."""

    counters: int = 0
    busy: int = 0
    lines: list[str] = field(default_factory=list)


async def compare(live: Live, database: Database, account_ids: Collection[int]) -> Agreement:
    """The counters of these accounts and all their keys. Raises `LiveAway` when the counters do not answer."""
    found = Agreement()
    ordered = sorted(account_ids)
    for start in range(0, len(ordered), AT_ONCE):
        seen = dict.fromkeys(ordered[start : start + AT_ONCE], _NOTHING)
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(PAUSE_S)
            seen = await _look(live, database, seen, found)
            if not seen:
                break
        found.busy += len(seen)
    return found


async def _look(live: Live, database: Database, seen: dict[int, _Seen], found: Agreement) -> dict[int, _Seen]:
    """`seen` is what the last look saw. Returns the accounts that must be looked at again: they moved, or disagree
    for the first time."""
    before = await _used(live, database, seen)
    told = {one: await _counted(live, one, list(before[one].keys)) for one in seen}
    after = await _used(live, database, seen)
    again: dict[int, _Seen] = {}
    for one, last in seen.items():
        wanted = _figures(before[one])
        stood_still = wanted == _figures(after[one])
        if stood_still and (told[one] == wanted or last == (wanted, told[one])):
            found.counters += len(wanted)
            found.lines += _lines(one, wanted, told[one])
        else:
            again[one] = (wanted, told[one])
    return again


async def _used(live: Live, database: Database, account_ids: Collection[int]) -> dict[int, AccountUsed]:
    now = live.now()
    return await database.read(lambda session: counts.of_accounts(session.connection(), account_ids, now=now))


async def _counted(live: Live, account_id: int, key_ids: list[int]) -> Figures:
    figures: Figures = {}
    for key_id in (None, *key_ids):
        figures[key_id] = _told(*await live.standing(account_id, key_id, _NO_LIMITS))
    return figures


def _told(requests: Standing, tokens: Standing) -> tuple[int, int, int]:
    return requests.settled, tokens.settled, tokens.reserved


def _figures(used: AccountUsed) -> Figures:
    owners: list[tuple[int | None, Used]] = [(None, used.total), *used.keys.items()]
    return {key_id: (one.requests, one.tokens, one.reserved) for key_id, one in owners}


def _lines(account_id: int, wanted: Figures, told: Figures) -> list[str]:
    names = ("requests of this hour", "tokens of this month", "reserved tokens")
    return [
        f"account {account_id}, {'all keys' if key_id is None else f'key number {key_id}'}: "
        f"{one:,} {name} in the tables, {other:,} in the counters"
        for key_id, figures in wanted.items()
        for name, one, other in zip(names, figures, told[key_id], strict=True)
        if one != other
    ]


def accounts_in_use(database: Database, now: int) -> list[int]:
    """Those that used anything in the running month, or run something."""
    found = database.read_now(counts.counted_of_all, now=now)
    return sorted({one.owner_id for one in found if one.layer == "account"})

"""Any order of claims, ends and hours gives what a list of everything that happened gives.

A request that nobody settles has died with its process: while its row is open it holds what it reserved (its process
is swept elsewhere), in memory until its lease ends.
"""

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from limiters import Gate
from sqlalchemy import text

from models import windows
from models.database import Database
from models.live import Lease, Limits, Refusal
from models.live.layers import LEASE_TTL_S

LIMITS = Limits(key_requests=4, account_requests=6, key_tokens=300, account_tokens=500)
KEYS = (7, 8)
STARTS = 1_796_083_200 - 7200


@dataclass
class Happened:
    lease: Lease
    at: int
    settled: int | None = None
    is_released: bool = False

    def tokens(self, now: int, ends: bool) -> tuple[int, int]:
        """Settled and reserved."""
        if self.settled is not None:
            return self.settled, 0
        has_ended = ends and now - self.at >= LEASE_TTL_S
        return 0, 0 if has_ended else self.lease.reserved_tokens


class Limiter(RuleBasedStateMachine):
    def __init__(self, backend: str, database: Database | None) -> None:
        super().__init__()
        self.gate = Gate(backend, database, now=STARTS)
        self.leases_end = database is None
        self.clock, self.live = self.gate.clock, self.gate.live
        self.all: list[Happened] = []

    def counts(self, key_id: int | None) -> tuple[int, int, int]:
        """Requests of this hour; settled and reserved tokens of this month."""
        now = int(self.clock())
        mine = [
            one for one in self.all if not one.is_released and (key_id is None or one.lease.key_id == key_id)
        ]
        month = [
            one.tokens(now, self.leases_end)
            for one in mine
            if windows.month_of(one.at) == windows.month_of(now)
        ]
        requests = sum(windows.hour_of(one.at) == windows.hour_of(now) for one in mine)
        return requests, sum(pair[0] for pair in month), sum(pair[1] for pair in month)

    @rule(key_id=st.sampled_from(KEYS), prompt=st.integers(1, 200), output=st.integers(1, 200))
    def ask(self, key_id: int, prompt: int, output: int) -> None:
        key, account = self.counts(key_id), self.counts(None)
        left = min(300 - key[1] - key[2], 500 - account[1] - account[2])
        answer = self.gate.ask(LIMITS, prompt=prompt, output=output, key_id=key_id)
        if key[0] >= 4 or account[0] >= 6:
            assert isinstance(answer, Refusal)
            assert answer.standing.name == "hourly_requests"
        elif prompt + 1 > left:
            assert isinstance(answer, Refusal)
            assert answer.standing.name == "monthly_tokens"
            assert answer.is_held == (prompt + 1 <= min(300 - key[1], 500 - account[1]))
        else:
            assert isinstance(answer, Lease)
            assert answer.output_tokens == min(output, left - prompt)
            self.all.append(Happened(answer, int(self.clock())))

    @rule(number=st.integers(0, 50), used=st.integers(0, 400))
    def settle(self, number: int, used: int) -> None:
        if self.all:
            one = self.all[number % len(self.all)]
            if one.is_released:
                return
            used = used if one.settled is None else one.settled
            self.gate.settle(one.lease, used)
            one.settled = used

    @rule(number=st.integers(0, 50))
    def release(self, number: int) -> None:
        if self.all:
            one = self.all[number % len(self.all)]
            if one.settled is None:
                self.gate.release(one.lease)
                one.is_released = True

    @precondition(lambda self: self.clock() < STARTS + 20 * 3600)
    @rule(seconds=st.sampled_from((1, 60, 600, 3600)))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def teardown(self) -> None:
        self.gate.close()

    @invariant()
    def shows_what_happened(self) -> None:
        for key_id in (None, *KEYS):
            only = Limits(10**9, 10**9 if key_id is None else None, 10**9, 10**9 if key_id is None else None)
            requests, tokens = self.gate.run(self.live.standing(1, key_id, only))
            assert (requests.settled, tokens.settled, tokens.reserved) == self.counts(key_id)


def test_any_order_of_events_is_counted_right(backend: str, database: Database) -> None:
    def limiter() -> Limiter:
        if backend == "memory":
            return Limiter(backend, None)
        with database.write_batch() as connection:
            for table in ("requests", "usage_hours", "usage_months"):
                connection.execute(text(f"DELETE FROM {table}"))
        return Limiter(backend, database)

    run_state_machine_as_test(
        limiter,
        settings=settings(
            max_examples=60 if backend == "memory" else 8, stateful_step_count=40, deadline=None
        ),
    )

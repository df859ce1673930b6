"""Any order of claims, ends and hours gives what a list of everything that happened gives.

Within a day: leases that ended by themselves are remembered for so long.
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

from models import windows
from models.live import Claim, Lease, Limits, Refusal
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

    def tokens(self, now: int) -> tuple[int, int]:
        """Settled and reserved."""
        if self.settled is not None:
            return self.settled, 0
        return 0, 0 if now - self.at >= LEASE_TTL_S else self.lease.reserved_tokens


class Limiter(RuleBasedStateMachine):
    def __init__(self, backend: str) -> None:
        super().__init__()
        self.gate = Gate(backend, now=STARTS)
        self.clock, self.live = self.gate.clock, self.gate.live
        self.all: list[Happened] = []
        self.asked = 0

    def counts(self, key_id: int | None) -> tuple[int, int, int]:
        """Requests of this hour; settled and reserved tokens of this month."""
        now = int(self.clock())
        mine = [
            one for one in self.all if not one.is_released and (key_id is None or one.lease.key_id == key_id)
        ]
        month = [one.tokens(now) for one in mine if windows.month_of(one.at) == windows.month_of(now)]
        requests = sum(windows.hour_of(one.at) == windows.hour_of(now) for one in mine)
        return requests, sum(pair[0] for pair in month), sum(pair[1] for pair in month)

    @rule(key_id=st.sampled_from(KEYS), prompt=st.integers(1, 200), output=st.integers(1, 200))
    def ask(self, key_id: int, prompt: int, output: int) -> None:
        self.asked += 1
        key, account = self.counts(key_id), self.counts(None)
        left = min(300 - key[1] - key[2], 500 - account[1] - account[2])
        answer = self.gate.run(
            self.live.reserve(Claim(1, key_id, LIMITS, prompt, output), request_id=f"{self.asked}", epoch=0)
        )
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
            self.gate.run(self.live.settle(one.lease, used))
            if one.settled is None and not one.is_released:
                one.settled = used

    @rule(number=st.integers(0, 50))
    def release(self, number: int) -> None:
        if self.all:
            one = self.all[number % len(self.all)]
            self.gate.run(self.live.release(one.lease))
            one.is_released = one.is_released or one.settled is None

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


def test_any_order_of_events_is_counted_right(backend: str) -> None:
    examples = 60 if backend == "memory" else 10
    run_state_machine_as_test(
        lambda: Limiter(backend),
        settings=settings(max_examples=examples, stateful_step_count=40, deadline=None),
    )

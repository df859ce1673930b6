"""Any order of claims, ends, crashes, overrides and clock turns: the limiter decides and shows what a plain list of
everything that happened gives, and the tables say the same.

Two processes take part (but for the counters in memory, which are of one): one of them may die, and come back after
it was given up; both may die, and everything begins anew from the tables. Overrides are set in the tables and end by
themselves. It begins two hours before the end of a month.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import ClassVar

import hypothesis
import pytest
import services
from fakes.clock import Clock
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from limiters import GENERATIONS, MONTH_END, Gate

from models import accounts, counts, epochs, keys, ledger, limits, processes, rollups, windows
from models.database import Database
from models.ledger import OpenRow
from models.limits import AboveAccount
from models.live import Claim, Lease, Limit, Limits, Refusal, Stale
from models.live.layers import LEASE_TTL_S
from models.live.memory import MemoryLive
from models.live.redis import RedisLive
from proofs.counted import Counted

STARTS = MONTH_END - 7200
GIVEN_UP_S = 61
NEW_PROCESS = 99
BACKENDS = ("memory", "redis", "database")
VALUES: dict[Limit, tuple[int | None, ...]] = {
    "hourly_requests": (None, 0, 3, 6, 12),
    "monthly_tokens": (None, 0, 300, 700, 1500),
    "concurrent_requests": (None, 2, 4),
}
_IDS = count(1)


@dataclass
class Happened:
    """`settled` None: it runs. `is_gone`: it has left no trace. `is_swept`: settled by others, at its prompt."""

    lease: Lease
    prompt: int
    at: int
    renewed: int
    settled: int | None = None
    is_gone: bool = False
    is_swept: bool = False


@dataclass
class Override:
    value: int | None
    until: int | None


class Limiter(RuleBasedStateMachine):
    did: ClassVar[Counter[str]] = Counter()

    def __init__(self, backend: str, database: Database) -> None:
        super().__init__()
        self.gate = Gate(backend, database, now=STARTS)
        self.database = database
        self.clock: Clock = self.gate.clock
        self.leases_end = backend == "memory"
        self.all: list[Happened] = []
        self.overrides: dict[tuple[int | None, Limit], Override] = {}
        account = database.run_now(
            accounts.create, f"machine{next(_IDS)}@example.com", "x", plan="unlimited", now=self.now
        )
        assert account.id is not None
        self.account_id = account.id
        made = [
            database.run_now(keys.issue, account.id, "machine", actor="machine", now=self.now).key
            for _ in range(2)
        ]
        self.public = {key.id: key.public_id for key in made if key.id is not None}
        self.principals: dict[int, tuple[Limits, int]] = {}
        self.did["examples"] += 1

    @property
    def now(self) -> int:
        return int(self.clock())

    @property
    def running(self) -> list[Happened]:
        return [one for one in self.all if self._runs(one)]

    @rule(which=st.integers(0, 1), prompt=st.integers(1, 200), output=st.integers(1, 200), dies=st.booleans())
    def reserve(self, which: int, prompt: int, output: int, dies: bool) -> None:
        """`dies`: its process, before its open row was written; nothing is known of it but by the limiter."""
        key_id = list(self.public)[which]
        wanted = self._decision(key_id, prompt, output)
        answer = self._ask(key_id, prompt, output)
        if isinstance(answer, Refusal):
            assert (answer.standing.name, answer.is_held) == wanted
            self.did["refused"] += 1
            return
        assert (answer.output_tokens if answer.output_tokens is not None else output) == wanted
        one = Happened(answer, prompt, self.now, self.now)
        self.all.append(one)
        self.did["reserved"] += 1
        if dies and not answer.is_recorded and not self.leases_end:
            one.is_gone = True
            self.clock.advance(GIVEN_UP_S)
            self.did["lost before their rows"] += 1
        elif not answer.is_recorded:
            self.gate.write([self._open_row(one)], [])

    @rule(prompts=st.lists(st.integers(1, 200), min_size=2, max_size=8), output=st.integers(1, 200))
    def reserve_many(self, prompts: list[int], output: int) -> None:
        for turn, prompt in enumerate(prompts):
            self.reserve(turn % 2, prompt, output, False)

    @precondition(lambda self: len(self.running) > 1)
    @rule(used=st.integers(0, 400))
    def settle_all(self, used: int) -> None:
        for one in self.running:
            self.settle(self.all.index(one), used)

    @precondition(lambda self: self.all)
    @rule(number=st.integers(0, 50), used=st.integers(0, 400))
    def settle(self, number: int, used: int) -> None:
        """Any of them, also twice, and also one that was given up: its real end then replaces that. Who serves alone
        is given up by nobody but its own next start."""
        one = self.all[number % len(self.all)]
        if one.is_gone or (one.is_swept and self.leases_end):
            return
        if one.settled is not None and not one.is_swept:
            used = one.settled
        self.gate.settle(one.lease, used)
        one.settled, one.is_swept = used, False
        self.did["settled"] += 1

    @precondition(lambda self: self.running)
    @rule(number=st.integers(0, 50))
    def release(self, number: int) -> None:
        one = self.running[number % len(self.running)]
        self.gate.release(one.lease)
        one.is_gone = True
        self.did["released"] += 1

    @precondition(lambda self: self.running)
    @rule()
    def renew(self) -> None:
        self.gate.run(self.gate.live.renew([one.lease for one in self.running]))
        for one in self.running:
            one.renewed = self.now

    @precondition(lambda self: self.running and not self.leases_end)
    @rule(chance=st.randoms(use_true_random=False))
    def one_of_two_crashes(self, chance: random.Random) -> None:
        """The other sweeps what it left open; a minute later nothing of it is held."""
        lost = [one for one in self.running if chance.random() < 0.5]
        with self.database.write_batch() as connection:
            rollups.lock_accounts(connection, [self.account_id])
            ledger.interrupt(connection, [one.lease.id for one in lost])
        self._give_up(lost)
        self.clock.advance(GIVEN_UP_S)
        self.did["crashes of one"] += 1

    @precondition(lambda self: len(self.running) > 1)
    @rule()
    def all_crash(self) -> None:
        """They start again: open rows are swept, counters are filled from the tables."""
        self._give_up([one for one in self.all if one.settled is None and not one.is_gone])
        self.database.run_now(processes.sweep_others, NEW_PROCESS)
        self.principals.clear()
        if isinstance(self.gate.live, MemoryLive):
            self.gate.live = MemoryLive(self.clock)
            self.gate.live.fill(self.database.read_now(counts.counted_of_all, now=self.now))
        elif isinstance(self.gate.live, RedisLive):
            self.gate.live.generation = next(GENERATIONS)
        self.did["crashes of all"] += 1

    @rule(
        name=st.sampled_from(list(VALUES)),
        which=st.sampled_from((None, 0, 1)),
        place=st.integers(0, 4),
        lasts=st.sampled_from((None, 30, 3600)),
    )
    def override(self, name: Limit, which: int | None, place: int, lasts: int | None) -> None:
        """Of the account, or of one of its keys; for good, or for a while."""
        value = VALUES[name][place % len(VALUES[name])]
        key_id = None if which is None or name == "concurrent_requests" else list(self.public)[which]
        until = None if lasts is None else self.now + lasts
        why = {"actor": "staff", "reason": "any order of things", "until": until, "now": self.now}
        if key_id is None:
            self.database.run_now(limits.set_account_limit, self.account_id, name, value, **why)
        elif value is not None:
            bound = self._value(None, name)
            try:
                self.database.run_now(
                    limits.set_key_limit,
                    self.account_id,
                    self.public[key_id],
                    name,
                    value,
                    is_staff=True,
                    **why,
                )
            except AboveAccount:
                assert bound is not None
                assert value > bound
                return
            assert bound is None or value <= bound
        else:
            return
        self.overrides[key_id, name] = Override(value, until)
        self.gate.live.bump(self.account_id, self.database.read_now(epochs.current, self.account_id))
        self.did["overrides"] += 1

    @precondition(lambda self: self.now < MONTH_END + 20 * 3600)
    @rule(seconds=st.sampled_from((1, 20, 60, 600, 3600)))
    def wait(self, seconds: int) -> None:
        before = self.now
        self.clock.advance(seconds)
        self.did["hours turned"] += windows.hour_of(before) != windows.hour_of(self.now)
        self.did["months turned"] += windows.month_of(before) != windows.month_of(self.now)

    @precondition(lambda self: self.now < MONTH_END)
    @rule()
    def turn_the_month(self) -> None:
        self.wait(MONTH_END - self.now)

    @invariant()
    def shows_what_happened(self) -> None:
        for key_id in (None, *self.public):
            ample = 10**9
            only = Limits(ample, ample if key_id is None else None, ample, ample if key_id is None else None)
            shown = self.gate.run(self.gate.live.standing(self.account_id, key_id, only))
            assert (shown[0].settled, shown[1].settled, shown[1].reserved) == self._counts(key_id)
            told = self.database.read_now(counts.counted_of, self.account_id, key_id, now=self.now)
            owner = told.account if key_id is None else told.key
            assert owner is not None
            assert (owner.requests, owner.tokens) == self._counts(key_id)[:2]

    def teardown(self) -> None:
        if isinstance(self.gate.live, MemoryLive):
            self.database.run_now(processes.sweep_others, NEW_PROCESS)
        self.gate.close()
        self.database.run_now(processes.sweep_others, NEW_PROCESS)

    def _ask(self, key_id: int, prompt: int, output: int) -> Lease | Refusal:
        """As the gateway asks: with the limits it has read last, and once more when they have changed."""
        for _ in range(2):
            if key_id not in self.principals:
                effective = self.database.read_now(limits.effective, self.account_id, key_id, now=self.now)
                epoch = self.database.read_now(epochs.current, self.account_id)
                self.principals[key_id] = effective, epoch
            bound, epoch = self.principals[key_id]
            claim = Claim(self.account_id, key_id, bound, prompt, output)
            answer = self.gate.run(
                self.gate.live.reserve(claim, request_id=f"machine_{next(_IDS)}", epoch=epoch)
            )
            if not isinstance(answer, Stale):
                return answer
            del self.principals[key_id]
        raise AssertionError("limits that were read just now are stale")

    def _decision(self, key_id: int, prompt: int, output: int) -> tuple[Limit, bool] | int:
        """By the list alone: which limit refuses and whether it is only held, or the granted output."""
        owners = (None, key_id)
        counted = {owner: self._counts(owner) for owner in owners}
        requests = {owner: self._value(owner, "hourly_requests") for owner in owners}
        tokens = {owner: self._value(owner, "monthly_tokens") for owner in owners}
        if any(value is not None and counted[owner][0] >= value for owner, value in requests.items()):
            return "hourly_requests", False
        at_once = self._value(None, "concurrent_requests")
        if at_once is not None and sum(one.lease.key_id == key_id for one in self.running) >= at_once:
            return "concurrent_requests", True
        left = [value - sum(counted[owner][1:]) for owner, value in tokens.items() if value is not None]
        if left and min(left) < prompt + 1:
            unheld = [value - counted[owner][1] for owner, value in tokens.items() if value is not None]
            return "monthly_tokens", min(unheld) >= prompt + 1
        return min([output, *(one - prompt for one in left)])

    def _value(self, key_id: int | None, name: Limit) -> int | None:
        """In force now."""
        mine = self.overrides.get((key_id, name))
        if mine is not None and (mine.until is None or mine.until > self.now):
            return mine.value
        return None if key_id is None else self._value(None, name)

    def _counts(self, key_id: int | None) -> tuple[int, int, int]:
        """Requests of this hour; settled and reserved tokens of this month."""
        mine = [one for one in self.all if not one.is_gone and key_id in (None, one.lease.key_id)]
        month = [one for one in mine if windows.month_of(one.at) == windows.month_of(self.now)]
        return (
            sum(windows.hour_of(one.at) == windows.hour_of(self.now) for one in mine),
            sum(one.settled or 0 for one in month),
            sum(one.lease.reserved_tokens for one in month if self._runs(one)),
        )

    def _runs(self, one: Happened) -> bool:
        """A lease in memory ends when nobody renews it; elsewhere its open row holds it."""
        has_ended = self.leases_end and self.now - one.renewed >= LEASE_TTL_S
        return one.settled is None and not one.is_gone and not has_ended

    @staticmethod
    def _give_up(lost: list[Happened]) -> None:
        for one in lost:
            one.settled, one.is_swept = one.prompt, True

    @staticmethod
    def _open_row(one: Happened) -> OpenRow:
        lease = one.lease
        at_ms = lease.hour * windows.HOUR * 1000
        owner = (lease.id, lease.account_id, lease.key_id, "gpt-5")
        return OpenRow(
            *owner, at_ms, True, lease.reserved_tokens, lease.hour, process=1, prompt_tokens=one.prompt
        )


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/starscoo.db"
    if backend != "memory":
        postgres_url = request.getfixturevalue("postgres_url")
        url = services.create_database(postgres_url, f"starscoo_machine_{backend}")
    database = Database(url, durability="normal")
    database.migrate()
    database.run_now(limits.ensure_plans, starter_requests=1, starter_tokens=1)
    yield database
    database.close()


def test_P_L1_any_order_of_events_is_counted_as_a_list_counts_it(
    backend: str, database: Database, counted: Counted, is_long: bool, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue("redis_url") if backend == "redis" else backend
    Limiter.did = Counter()
    examples = (500 if backend == "memory" else 200) if is_long else (40 if backend == "memory" else 8)
    print(f"--seed {counted.seed}")

    @hypothesis.seed(counted.seed)
    def machine() -> Limiter:
        return Limiter(address, database)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50 if is_long else 25,
            phases=[Phase.generate],
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )
    did = dict(Limiter.did)
    where = {"memory": "SQLite, memory"}.get(backend, f"PostgreSQL, {backend}")
    counted.note(
        "P-L1",
        "any order of events",
        where,
        did.pop("examples"),
        **{k.replace(" ", "_"): v for k, v in did.items()},
    )

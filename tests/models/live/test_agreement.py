"""Counters and tables are compared on every store of counters."""

from collections.abc import Iterator
from typing import Any

import pytest
from limiters import Gate, final, opened

from models.database import Database
from models.live import Claim, Lease, Limits, agreement
from models.live.agreement import Agreement

CAPPED = Limits(100, 100, 10_000, 10_000)


@pytest.fixture
def gate(backend: str, database: Database) -> Iterator[Gate]:
    gate = Gate(backend, database)
    yield gate
    gate.close()


def compared(gate: Gate, database: Database) -> Agreement:
    accounts = agreement.accounts_in_use(database, gate.live.now())
    return gate.run(agreement.compare(gate.live, database, accounts))


def test_counters_agree_with_the_tables_while_requests_run_and_after(gate: Gate, database: Database) -> None:
    settled = gate.pass_(CAPPED, key_id=7)
    gate.settle(settled, 77)
    gate.pass_(CAPPED, key_id=8)
    gate.pass_(CAPPED, key_id=9, account_id=2)
    found = compared(gate, database)
    assert found.lines == []
    assert (found.counters, found.busy) == (5, 0)


@pytest.mark.parametrize("backend", ["memory", "redis"], indirect=True)
def test_P_A2_a_counter_that_drifted_is_told(gate: Gate, database: Database) -> None:
    first, second = gate.pass_(CAPPED), gate.pass_(CAPPED)
    gate.settle(first, 30)
    gate.run(gate.live.settle(second, 500))  # as though its row had never come
    found = compared(gate, database)
    assert [line for line in found.lines if "tokens of this month" in line] == [
        "account 1, all keys: 30 tokens of this month in the tables, 530 in the counters",
        "account 1, key number 7: 30 tokens of this month in the tables, 530 in the counters",
    ]


@pytest.mark.parametrize("backend", ["memory", "redis"], indirect=True)
def test_a_reservation_that_the_counters_do_not_know_is_told(gate: Gate, database: Database) -> None:
    lease = gate.pass_(CAPPED)
    gate.run(gate.live.release(lease))  # while its open row stays
    gate.write([opened(lease)], [])
    assert any(
        "reserved tokens in the tables, 0 in the counters" in one for one in compared(gate, database).lines
    )


class Restless:
    """The gate's counters; a request is settled whenever they are asked."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.now = gate.live.now

    async def standing(self, account_id: int, key_id: int | None, limits: Limits) -> Any:
        self._gate.asked += 1
        claim = Claim(account_id, 7, CAPPED, 1, 1)
        lease = await self._gate.live.reserve(claim, request_id=f"req_{self._gate.asked}", epoch=0)
        assert isinstance(lease, Lease)
        self._gate.write([] if lease.is_recorded else [opened(lease)], [final(lease, 3)])
        await self._gate.live.settle(lease, 3)
        return await self._gate.live.standing(account_id, key_id, limits)


def test_what_moves_while_it_is_compared_is_told_as_busy(gate: Gate, database: Database) -> None:
    gate.settle(gate.pass_(CAPPED), 30)
    restless: Any = Restless(gate)
    found = gate.run(agreement.compare(restless, database, [1]))
    assert (found.busy, found.counters, found.lines) == (1, 0, [])

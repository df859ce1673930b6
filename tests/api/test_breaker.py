"""The breaker's own clockwork; what it does to requests is shown in tests/faults."""

import pytest
from fakes.clock import Clock

from api.breaker import FAILURES, REST_SECONDS, Breakers, ShutError
from api.types import Target
from models import catalog
from models.notices import Notices

MODEL = catalog.load(catalog.default_path()).models["gpt-5"]
PRICE = MODEL.targets[0].price
assert PRICE is not None
HERE, THERE = (
    Target(provider=name, upstream_model="m", wire="openai_chat", model=MODEL, price=PRICE)
    for name in ("a", "b")
)


class House:
    def __init__(self) -> None:
        self.clock, self.notices = Clock(), Notices()
        self.breakers = Breakers(self.notices, clock=self.clock, now=self.clock)

    def fail(self, times: int, target: Target = HERE) -> None:
        for _ in range(times):
            self.breakers.failed(target, "upstream_timeout", "nobody there")

    def is_let_through(self, target: Target = HERE) -> bool:
        try:
            self.breakers.check(target)
        except ShutError:
            return False
        return True


def test_P_U3_it_opens_after_failures_in_a_row_and_for_its_own_target_alone() -> None:
    house = House()
    house.fail(FAILURES - 1)
    assert house.is_let_through()
    assert not house.notices
    house.fail(1)
    assert not house.is_let_through()
    assert house.is_let_through(THERE)
    assert [notice.subject for notice in house.notices.current()] == ["a: m"]


def test_an_answer_in_between_begins_the_count_anew() -> None:
    house = House()
    house.fail(FAILURES - 1)
    house.breakers.answered(HERE)
    house.fail(FAILURES - 1)
    assert house.is_let_through()


def test_who_is_not_let_through_is_told_the_last_failure_and_when_to_come_back() -> None:
    house = House()
    house.fail(FAILURES)
    house.clock.advance(0.5)
    with pytest.raises(ShutError) as caught:
        house.breakers.check(HERE)
    assert (caught.value.kind, caught.value.retry_after, caught.value.is_retryable) == (
        "upstream_timeout",
        2,
        True,
    )


def test_P_U3_one_request_in_each_rest_tries_again_even_while_the_last_one_hangs() -> None:
    house = House()
    house.fail(FAILURES)
    for _ in range(3):
        house.clock.advance(REST_SECONDS)
        assert not house.breakers.is_shut(HERE)
        assert [house.is_let_through() for _ in range(3)] == [True, False, False]
        assert house.breakers.is_shut(HERE)


def test_P_U3_the_first_answer_closes_it_and_ends_its_notice() -> None:
    house = House()
    house.fail(FAILURES)
    house.clock.advance(REST_SECONDS)
    assert house.is_let_through()
    house.breakers.answered(HERE)
    assert [house.is_let_through() for _ in range(3)] == [True] * 3
    assert not house.notices
    assert not house.breakers.troubled


def test_failures_that_come_late_do_not_put_off_the_next_try() -> None:
    house = House()
    house.fail(FAILURES)
    house.clock.advance(REST_SECONDS - 0.1)
    house.fail(60)
    house.clock.advance(0.1)
    assert house.is_let_through()

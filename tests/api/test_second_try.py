"""The budget of second tries, and which failure may be tried where."""

import pytest
from fakes.clock import Clock

from api.breaker import FAILURES, Breakers
from api.errors import GatewayError, Kind
from api.providers.base import UpstreamFailure
from api.second_try import FREE, MOST_SAVED, SecondTries
from api.types import Target
from models import catalog
from models.notices import Notices

MODEL = catalog.load(catalog.default_path()).models["gpt-5"]
PRICE = MODEL.targets[0].price
assert PRICE is not None
FIRST, SECOND, THIRD = (
    Target(provider=name, upstream_model="m", wire="openai_chat", model=MODEL, price=PRICE) for name in "abc"
)
BROKEN = UpstreamFailure("upstream_error", "reset")


def house(share: float = 0.1) -> tuple[Breakers, SecondTries]:
    breakers = Breakers(Notices(), clock=Clock(), now=Clock())
    return breakers, SecondTries(breakers, share=share)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.01])
def test_P_U2_however_much_fails_second_tries_keep_to_their_share(share: float) -> None:
    _, tries = house(share)
    taken = 0
    for number in range(1, 3001):
        tries.firsts += 1
        taken += tries.take(BROKEN, FIRST, ()) is not None
        assert taken <= max(FREE, share * number + 1e-3)
    assert taken >= share * 3000 - 1


def test_P_U2_a_quiet_year_does_not_save_up_for_a_storm() -> None:
    _, tries = house()
    tries.firsts = 10**9
    taken = 0
    while tries.take(BROKEN, FIRST, ()) is not None:
        taken += 1
    assert taken == MOST_SAVED


@pytest.mark.parametrize(
    ("kind", "alone", "beside_another"),
    [
        ("upstream_error", FIRST, SECOND),
        ("upstream_timeout", None, SECOND),
        ("upstream_overloaded", None, SECOND),
        ("upstream_rate_limited", None, SECOND),
        ("upstream_disconnected", None, None),
        ("upstream_unavailable", None, None),
        ("content_policy_violation", None, None),
        ("invalid_request", None, None),
        ("service_unavailable", None, None),
        ("internal_error", None, None),
    ],
)
def test_P_U2_what_may_be_tried_again_and_where(
    kind: Kind, alone: Target | None, beside_another: Target | None
) -> None:
    failure = GatewayError(kind, "it failed")
    assert house()[1].take(failure, FIRST, ()) is alone
    assert house()[1].take(failure, FIRST, [SECOND, THIRD]) is beside_another


def test_a_provider_that_says_no_is_believed() -> None:
    failure = GatewayError("upstream_error", "it failed", retryable=False)
    assert house()[1].take(failure, FIRST, [SECOND]) is None


def test_targets_that_are_shut_are_passed_over() -> None:
    breakers, tries = house()
    for target in (SECOND, THIRD, FIRST):
        assert tries.take(BROKEN, FIRST, [SECOND, THIRD]) is not None
        for _ in range(FAILURES):
            breakers.failed(target, "upstream_error", "down")
    assert tries.take(BROKEN, FIRST, [SECOND, THIRD]) is None


def test_without_a_share_nothing_is_tried_again() -> None:
    assert house(share=0)[1].take(BROKEN, FIRST, [SECOND]) is None

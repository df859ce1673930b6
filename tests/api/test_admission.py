"""What a refusal means to a client, and the headers that tell how much is left."""

import pytest

from api.admission import go_duration, refused
from models.live import Refusal, Standing

REQUESTS = Standing("hourly_requests", "key", 10, 10, 0, 0, 7200)
TOKENS = Standing("monthly_tokens", "account", 1000, 600, 400, 0, 90_000)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (45, "45s"), (2292, "38m12s"), (3600, "1h0m0s"), (763_500, "212h5m0s"), (-3, "0s")],
)
def test_a_reset_is_a_go_duration(seconds: int, shown: str) -> None:
    assert go_duration(seconds) == shown


def test_an_hour_used_up_says_so_and_when_it_comes_back() -> None:
    error = refused(Refusal(REQUESTS, False, REQUESTS, TOKENS), now=7200 - 61)
    assert (error.status, error.kind, error.type) == (429, "rate_limited", "rate_limit_error")
    assert error.message.startswith("Hourly request limit exceeded.")
    assert (error.retry_after, error.is_retryable) == (61, False)
    assert error.blocked is not None
    assert (error.blocked.limit, error.blocked.layer, error.blocked.value) == ("hourly_requests", "key", 10)


def test_an_hour_that_ends_within_a_minute_is_worth_another_try() -> None:
    error = refused(Refusal(REQUESTS, False, REQUESTS, TOKENS), now=7200 - 60)
    assert (error.retry_after, error.is_retryable) == (60, True)


def test_a_cap_used_up_is_not_retried() -> None:
    error = refused(Refusal(TOKENS, False, REQUESTS, TOKENS), now=80_000)
    assert (error.kind, error.type) == ("token_cap_exceeded", "insufficient_quota")
    assert error.message.startswith("Monthly token cap exceeded.")
    assert (error.retry_after, error.is_retryable) == (10_000, False)


def test_a_cap_that_running_requests_hold_is_retried_soon() -> None:
    error = refused(Refusal(TOKENS, True, REQUESTS, TOKENS), now=80_000)
    assert error.kind == "token_cap_exceeded"
    assert "held" in error.message
    assert (error.retry_after, error.is_retryable) == (2, True)

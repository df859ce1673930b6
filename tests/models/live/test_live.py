from limiters import HOUR, MONTH_END, NONE, Gate, crowd, final, requests, tokens

from models.live import Claim, Counted, Lease, Limits, Refusal, Stale, Standing
from models.live.layers import LEASE_TTL_S
from models.live.memory import MemoryLive


def test_exactly_n_of_k_concurrent_requests_pass(gate: Gate) -> None:
    answers = gate.run(crowd(gate.live, requests(10, 1000), 64))
    assert sum(isinstance(answer, Lease) for answer in answers) == 10
    assert sum(isinstance(answer, Refusal) for answer in answers) == 54


def test_exactly_as_many_pass_as_the_token_cap_holds(gate: Gate) -> None:
    answers = gate.run(crowd(gate.live, tokens(550, None), 64))
    assert sum(isinstance(answer, Lease) for answer in answers) == 5


def test_a_refusal_names_the_limit_and_its_window(gate: Gate) -> None:
    gate.pass_(requests(1, 1000))
    refusal = gate.refuse(requests(1, 1000))
    assert refusal.standing == Standing("hourly_requests", "key", 1, 1, 0, 0, HOUR + 3600)
    assert refusal.requests == refusal.standing
    assert refusal.tokens.limit is None
    assert not refusal.is_held


def test_a_limit_of_zero_lets_nothing_pass(gate: Gate) -> None:
    assert gate.refuse(requests(0, 10)).standing.limit == 0
    assert gate.refuse(tokens(0, 10)).standing.name == "monthly_tokens"


def test_all_keys_of_an_account_share_its_ceiling(gate: Gate) -> None:
    limits = requests(2, 3)
    assert [isinstance(gate.ask(limits, key_id=key), Lease) for key in (7, 7, 7, 8, 8)] == [
        *(True, True, False),
        *(True, False),
    ]
    assert gate.refuse(limits, key_id=8).standing.layer == "account"
    assert isinstance(gate.ask(limits, key_id=9, account_id=2), Lease)


def test_a_refusal_consumes_nothing(gate: Gate) -> None:
    limits = Limits(5, 5, 50, 1000)
    before = gate.standing(limits)
    gate.refuse(limits, prompt=50)
    assert gate.standing(limits) == before
    assert gate.standing(limits, None)[1].reserved == 0


def test_a_new_hour_opens_the_ceiling(gate: Gate) -> None:
    gate.pass_(requests(1, 1))
    gate.clock.now = HOUR + 3599.99
    gate.refuse(requests(1, 1))
    gate.clock.now = HOUR + 3600
    assert gate.pass_(requests(1, 1)).requests.resets_at == HOUR + 7200


def test_an_hourly_slot_is_kept_whatever_happens(gate: Gate) -> None:
    lease = gate.pass_(requests(1, 1))
    gate.settle(lease, 0)
    gate.refuse(requests(1, 1))


def test_a_released_lease_was_never_made(gate: Gate) -> None:
    limits = Limits(1, 1, 200, 200)
    before = gate.standing(limits)
    lease = gate.pass_(limits)
    gate.release(lease)
    assert gate.standing(limits) == before
    gate.release(lease)
    assert gate.standing(limits) == before


def test_a_settled_lease_is_not_released(gate: Gate) -> None:
    limits = Limits(1, 1, 200, 200)
    lease = gate.pass_(limits)
    gate.settle(lease, 30)
    after = gate.standing(limits)
    gate.release(lease)
    assert gate.standing(limits) == after


def test_a_reservation_is_the_prompt_and_the_bound_on_output(gate: Gate) -> None:
    lease = gate.pass_(tokens(1000, 2000))
    assert (lease.reserved_tokens, lease.output_tokens) == (110, 100)
    assert lease.tokens == Standing("monthly_tokens", "key", 1000, 0, 110, 890, MONTH_END)


def test_settling_replaces_the_reservation_by_the_truth(gate: Gate) -> None:
    lease = gate.pass_(tokens(1000, 2000))
    gate.settle(lease, 42)
    gate.settle(lease, 42)
    standing = gate.standing(tokens(1000, 2000))[1]
    assert (standing.settled, standing.reserved, standing.left) == (42, 0, 958)


def test_an_upstream_that_overshoots_is_settled_at_what_it_reports(gate: Gate) -> None:
    gate.settle(gate.pass_(tokens(1000, 2000)), 1500)
    standing = gate.standing(tokens(1000, 2000))[1]
    assert (standing.layer, standing.settled, standing.left) == ("key", 1500, 0)


def test_the_output_is_clamped_to_what_is_left(gate: Gate) -> None:
    assert gate.pass_(tokens(60, 2000)).output_tokens == 50
    gate.refuse(tokens(60, 2000))
    assert gate.pass_(tokens(2000, 90), key_id=8).output_tokens == 20


def test_the_smallest_cap_passes_a_prompt_and_one_token(gate: Gate) -> None:
    gate.refuse(tokens(10, 10))
    assert gate.pass_(tokens(11, 11)).output_tokens == 1


def test_without_a_cap_tokens_are_counted_and_not_bounded(gate: Gate) -> None:
    lease = gate.pass_(requests(5, 5))
    assert (lease.output_tokens, lease.reserved_tokens) == (None, 110)
    assert gate.standing(NONE)[1] == Standing("monthly_tokens", "key", None, 0, 110, None, MONTH_END)
    gate.settle(lease, 42)
    assert gate.standing(NONE)[1].settled == 42


def test_a_cap_that_is_only_held_says_so(gate: Gate) -> None:
    lease = gate.pass_(tokens(110, 1000))
    held = gate.refuse(tokens(110, 1000))
    assert (held.is_held, held.standing.left, held.standing.reserved) == (True, 0, 110)
    gate.settle(lease, 105)
    assert not gate.refuse(tokens(110, 1000)).is_held


def test_a_cap_used_up_on_one_layer_is_not_held(gate: Gate) -> None:
    gate.settle(gate.pass_(tokens(None, None)), 95)
    gate.pass_(tokens(None, None), key_id=8, prompt=1, output=1)
    assert not gate.refuse(tokens(100, 1000)).is_held


def test_what_is_shown_is_the_layer_with_less_left(gate: Gate) -> None:
    gate.pass_(requests(9, 10), key_id=8)
    assert gate.standing(requests(9, 10))[0].layer == "account"
    gate.pass_(requests(9, 10))
    assert gate.standing(requests(5, 10))[0].layer == "key"
    assert gate.standing(requests(None, 10))[0].layer == "account"
    assert gate.standing(requests(5, None))[0].layer == "key"


def test_an_account_alone_shows_its_own_layer(gate: Gate) -> None:
    gate.pass_(requests(1, 10), key_id=7)
    gate.pass_(requests(1, 10), key_id=8)
    standing = gate.standing(requests(1, 10), None)[0]
    assert (standing.layer, standing.settled, standing.left) == ("account", 2, 8)


def test_a_request_settles_in_the_month_of_its_admission(gate: Gate) -> None:
    gate.clock.now = MONTH_END - 60
    gate.settle(gate.pass_(tokens(500, 500)), 100)
    lease = gate.pass_(tokens(500, 500))
    gate.clock.now = MONTH_END + 1
    gate.settle(lease, 100)
    assert gate.standing(tokens(500, 500))[1].settled == 0
    gate.clock.now = MONTH_END - 1
    assert gate.standing(tokens(500, 500))[1].settled == 200


def test_P_L3_a_reservation_whose_row_was_never_written_ends_within_a_minute(gate: Gate) -> None:
    lease = gate.pass_(tokens(200, 200))
    gate.unwrite(lease)
    gate.clock.advance(LEASE_TTL_S)
    assert gate.standing(tokens(200, 200))[1].left == 200


def test_P_L3_a_renewed_reservation_stays(gate: Gate) -> None:
    lease = gate.pass_(tokens(200, 200))
    for _ in range(4):
        gate.clock.advance(LEASE_TTL_S - 1)
        gate.run(gate.live.renew([lease]))
    assert gate.standing(tokens(200, 200))[1].reserved == 110


def test_what_died_between_its_final_row_and_its_settlement_is_counted(gate: Gate) -> None:
    lease = gate.pass_(tokens(200, 200))
    gate.write([], [final(lease, 42)])
    if isinstance(gate.live, MemoryLive):
        gate.run(gate.live.settle(lease, 42))
    gate.clock.advance(LEASE_TTL_S)
    standing = gate.standing(tokens(200, 200))[1]
    assert (standing.settled, standing.reserved) == (42, 0)


def test_a_lease_settled_late_counts_once(gate: Gate) -> None:
    lease = gate.pass_(tokens(200, 200))
    gate.clock.advance(LEASE_TTL_S)
    gate.pass_(tokens(200, 200), prompt=1, output=1)
    gate.settle(lease, 50)
    gate.settle(lease, 50)
    standing = gate.standing(tokens(200, 200))[1]
    assert (standing.settled, standing.reserved) == (50, 2)


def test_a_key_runs_so_many_requests_at_once(gate: Gate) -> None:
    limits = Limits(None, None, None, None, key_concurrent=2)
    first, _ = gate.pass_(limits), gate.pass_(limits)
    refusal = gate.refuse(limits)
    full = refusal.standing
    assert (full.name, full.layer, full.limit, full.reserved, full.left) == (
        "concurrent_requests",
        "key",
        2,
        2,
        0,
    )
    assert refusal.is_held
    assert isinstance(gate.ask(limits, key_id=8), Lease)
    gate.settle(first, 5)
    gate.pass_(limits)
    assert isinstance(gate.ask(limits), Refusal)


def test_a_released_request_does_not_run(gate: Gate) -> None:
    limits = Limits(None, None, None, None, key_concurrent=1)
    gate.release(gate.pass_(limits))
    gate.pass_(limits)


def test_the_same_request_holds_one_lease(gate: Gate) -> None:
    claim = Claim(1, 7, requests(1, 1), 10, 100)
    first, second = (gate.run(gate.live.reserve(claim, request_id="same", epoch=0)) for _ in range(2))
    assert first == second
    assert gate.standing(requests(1, 1))[0].settled == 1


def test_a_principal_older_than_a_change_is_stale(gate: Gate) -> None:
    gate.live.bump(1, 5)
    gate.live.bump(1, 4)
    assert gate.ask(NONE, epoch=4) == Stale(5)
    assert gate.live.epoch(1) == 5
    assert isinstance(gate.ask(NONE, epoch=5), Lease)
    assert isinstance(gate.ask(NONE, epoch=0, key_id=9, account_id=2), Lease)
    assert gate.standing(NONE)[0].settled == 1


def test_a_principal_newer_than_what_was_told_makes_older_ones_stale(gate: Gate) -> None:
    gate.pass_(NONE, epoch=6)
    assert gate.ask(NONE, epoch=5) == Stale(6)


def test_limits_that_have_ended_are_stale(gate: Gate) -> None:
    limits = Limits(5, 5, None, None, valid_until=HOUR + 20)
    gate.pass_(limits)
    gate.clock.now = HOUR + 20
    assert gate.ask(limits) == Stale(0)
    assert gate.standing(limits)[0].settled == 1


def test_it_tells_its_own_time(gate: Gate) -> None:
    assert gate.live.now() == HOUR + 10


def test_counters_in_memory_begin_with_what_the_tables_know() -> None:
    gate = Gate("memory")
    assert isinstance(gate.live, MemoryLive)
    gate.live.fill([Counted("key", 7, 3, 400), Counted("account", 1, 4, 900)])
    assert gate.standing(Limits(10, 10, 1000, 1000))[1] == Standing(
        *("monthly_tokens", "account", 1000, 900, 0, 100, MONTH_END)
    )
    assert gate.standing(Limits(10, 10, 1000, 1000), None)[0].settled == 4
    assert gate.pass_(Limits(10, 10, 1000, 1000)).requests.left == 5
    gate.close()

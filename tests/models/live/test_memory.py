from limiters import HOUR, NONE, Gate, requests

from models.live import Claim, Lease, Refusal
from models.live.memory import MemoryLive


def test_nothing_in_it_waits() -> None:
    """That no two claims ever interleave is what makes this backend exact."""
    live = MemoryLive(lambda: float(HOUR))
    claim = Claim(1, 7, requests(1, 1), 10, 100)
    answers: list[object] = []
    for request_id in ("first", "second"):
        try:
            live.reserve(claim, request_id=request_id, epoch=0).send(None)
        except StopIteration as stop:
            answers.append(stop.value)
    assert isinstance(answers[0], Lease)
    assert isinstance(answers[1], Refusal)


def test_windows_that_are_over_are_dropped() -> None:
    gate = Gate("memory")
    for _ in range(100):
        gate.settle(gate.pass_(NONE), 5)
        gate.clock.advance(86400)
    assert isinstance(gate.live, MemoryLive)
    assert len(gate.live._hours) == 1
    assert len(gate.live._months) <= 2
    assert not gate.live._running
    assert not gate.live._expired
    gate.close()

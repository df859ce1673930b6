"""Where a proof plays: an event loop in a thread of its own, in which the upstream answers and the customers ask, so
that tests stay plain functions and both sides keep their logs without locks."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE_S = 60.0
"""How long anything waits for what must come: a hang is bounded, nothing is timed."""
LONGEST_S = 7200.0


class Stage:
    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stage", daemon=True)
        self._thread.start()

    def run(self, scene: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(scene, self._loop).result(LONGEST_S)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


async def until(holds: Callable[[], bool], what: str) -> None:
    """Waits for something that another process brings about; `holds` is asked in a thread."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(holds):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {PATIENCE_S} s") from None

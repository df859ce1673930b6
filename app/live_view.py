"""Open pages that follow what the gateway does, without a timer of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from app.arrivals import Arrival

PAUSE_S: Final = 1


class Throttled:
    """For `told`: draws at once, then once in `pause_s` at most however much arrives, and never misses the last."""

    def __init__(self, draw: Callable[[], Awaitable[None]], *, pause_s: float = PAUSE_S) -> None:
        self._draw = draw
        self._pause_s = pause_s
        self._is_due = False
        self._is_drawing = False

    async def __call__(self, _: list[Arrival]) -> None:
        self._is_due = True
        if self._is_drawing:
            return
        self._is_drawing = True
        try:
            while self._is_due:
                self._is_due = False
                await self._draw()
                await asyncio.sleep(self._pause_s)
        finally:
            self._is_drawing = False

"""Open pages that follow what the gateway does, without a timer of their own."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from markupsafe import Markup

from app import components, failures, words
from app.arrivals import Arrival
from app.components import tag
from app.login import LoggedOut
from app.services import Services

log = logging.getLogger("starscoo")

PAUSE_S: Final = 1
LONGEST_PAUSE_S: Final = 20
MOST_SHARE: Final = 0.02


class Throttled:
    """For `told`: draws at once, then once in `pause_s` at most however much arrives, and never misses the last.

    `is_costly`: what takes long to draw is drawn more seldom. A page spends `MOST_SHARE` of its time on that, so that
    fifty open ones of a busy account leave the gateway its processor.
    """

    def __init__(
        self, draw: Callable[[], Awaitable[None]], *, pause_s: float = PAUSE_S, is_costly: bool = False
    ) -> None:
        self._draw = draw
        self._pause_s = pause_s
        self._is_costly = is_costly
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
                begun = time.perf_counter()
                await self._draw()
                took_s = time.perf_counter() - begun if self._is_costly else 0
                await asyncio.sleep(pause_after(took_s, least_s=self._pause_s))
        finally:
            self._is_drawing = False


def pause_after(took_s: float, *, least_s: float = PAUSE_S) -> float:
    """How long to wait after something that took so long."""
    return min(LONGEST_PAUSE_S, max(least_s, took_s / MOST_SHARE))


class Figures:
    """The part of a page that is read from the tables: a grey ground until its figures are there; where they cannot be
    read, a card that says so, or the last good ones with their age. The rest of the page lives on.

    `draw` reads and draws into `content`; it is called with `content` as the current place.
    """

    def __init__(self, services: Services, draw: Callable[[], Awaitable[None]]) -> None:
        self._services = services
        self._draw = draw
        self._good_at: int | None = None
        self._told = tag("div", "", "s-stale", role="status")
        self._told.visible = False
        self.content = tag("div", "", "s-stack")
        with self.content:
            tag("div", "", "s-skeleton", aria_hidden="true")

    async def refresh(self) -> None:
        """Raises `LoggedOut`; any other failure is told in place."""
        try:
            with self.content:
                await self._draw()
        except LoggedOut:
            raise
        except Exception as error:  # whatever it is, the visitor gets its reference and the log the cause
            self._tell(error)
            return
        self._good_at = self._services.now()
        if self._told.visible:
            self._told.clear()
            self._told.visible = False

    def _tell(self, error: Exception) -> None:
        reference = failures.reference_of(error)
        log.exception("The figures of a page could not be read")
        if self.content.is_deleted:
            return
        if self._good_at is None:
            self.content.clear()
            with self.content:
                components.failure_card(reference)
            return
        self._told.clear()
        self._told.visible = True
        with self._told:
            components.banner(
                "caution",
                Markup("These figures are from {}: they cannot be read anew. Reference {}").format(
                    words.ago(self._good_at, self._services.now()), reference
                ),
            )
            components.button("Try again", kind="plain", size="slim", on_click=self.refresh)

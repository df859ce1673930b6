"""Open pages that follow what the gateway does, without a timer of their own."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from app.services import Arrival, Services


def follow(
    services: Services, account_id: int, place: ui.element, told: Callable[[list[Arrival]], Awaitable[None]]
) -> None:
    """Calls `told` with each batch of this account's arrivals, at most 4 times a second, while `place` exists."""

    async def hear(arrived: list[Arrival]) -> None:
        if place.is_deleted:
            services.arrivals.unsubscribe(hear)
            return
        mine = [arrival for arrival in arrived if arrival.account_id == account_id]
        if mine:
            with place:
                await told(mine)

    services.arrivals.subscribe(hear)

"""Open pages whose login has ended are sent away within a second: after a logout elsewhere, a new password, a new
role, a suspension, or 30 minutes without a click. What really stops such a page is the check in each of its
handlers (`login.still`); this closes what can still be read."""

import asyncio
from collections import defaultdict
from typing import Final

from nicegui import Client, background_tasks
from nicegui import app as nicegui_app

from app import login
from app.services import Services
from models import logins

_EVERY_S: Final = 0.75


class LoginWatch:
    """One loop for all open pages; it runs only while there are any. An open page is no activity."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """To be called for each new page behind a login."""
        if self._task is None or self._task.done():
            self._task = background_tasks.create(self._run(), name="watch on logins")

    async def _run(self) -> None:
        while pages := self._open_pages():
            living = await self._services.database.read(logins.living, list(pages), now=self._services.now())
            for token in pages.keys() - living:
                for client in pages[token]:
                    login.send_away(client)
            await asyncio.sleep(_EVERY_S)

    def _open_pages(self) -> dict[str, list[Client]]:
        pages = defaultdict(list)
        for client in nicegui_app.clients():
            if client.page.path.startswith("/app"):
                pages[login.token_of(self._services, client.request)].append(client)
        return pages

"""/app and all below it: one page whose content changes without a reload."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from nicegui import ui
from starlette.responses import RedirectResponse

from app import components, failures, frame, login
from app.alert_line import AlertLine
from app.components import tag
from app.login import LoggedOut
from app.login_watch import LoginWatch
from app.pages import account, admin, key, keys, limits, overview, playground, requests, usage
from app.services import Services
from models.logins import Viewer

log = logging.getLogger("starscoo")
Show = Callable[[Services, Viewer], Awaitable[None]]

# The first answer waits this long for the content, so that most pages arrive whole.
_FIRST_WAIT_S: Final = 0.8

_ROUTES: Final[dict[str, Show]] = {
    "/": overview.show,
    "/keys": keys.show,
    "/keys/{id}": key.show,
    "/usage": usage.show,
    "/requests": requests.show,
    "/limits": limits.show,
    "/account": account.show,
    "/playground": playground.show,
}


def register(services: Services, outer: FastAPI) -> None:
    watch = LoginWatch(services)

    @ui.page("/app/{_:path}")
    @ui.page("/app")
    async def shell(request: Request) -> Response | None:
        viewer = await login.viewer_of(services, request)
        if viewer is None:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            to = "" if wanted == "/app" else f"?to={quote(wanted, safe='')}"
            return RedirectResponse(f"/login{to}", 303)
        failures.watch(ui.context.client)
        watch.begin()
        first = asyncio.Event()
        with frame.signed_in(services, viewer):
            alert_line = AlertLine(services, viewer)
            content = Content(_builders(services, viewer, first), root_path="/app")
        await alert_line.load()
        if not content.has_404:
            try:
                await asyncio.wait_for(first.wait(), _FIRST_WAIT_S)
            except TimeoutError:
                pass
        return None


class Content(ui.sub_pages):
    """The changing part. What is not there is said kindly; admins' pages are not there for others."""

    def _render_404(self) -> None:
        frame.nothing_here()


def _builders(
    services: Services, viewer: Viewer, first: asyncio.Event
) -> dict[str, Callable[[], Awaitable[None]]]:
    routes = dict(_ROUTES)
    if viewer.is_admin:
        routes |= admin.ROUTES
    return {path: _guarded(show, services, viewer, first) for path, show in routes.items()}


def _guarded(
    show: Show, services: Services, viewer: Viewer, first: asyncio.Event
) -> Callable[[], Awaitable[None]]:
    """Checks the login at each move, and turns a failure into a card: no other page would show it."""

    async def build() -> None:
        place = tag("div")
        try:
            with place:
                await show(services, await login.still(services, viewer))
        except LoggedOut:
            pass
        except Exception as error:  # whatever a page raises, its visitor gets a card and the log the cause
            reference = failures.reference_of(error)
            log.exception("A page could not be shown")
            place.clear()
            with place:
                frame.title("Something failed")
                components.failure_card(reference)
        finally:
            first.set()

    return build

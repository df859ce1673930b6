"""Who is looking: an opaque token in our own cookie, whose row in the database says whom it stands for.

Pages ask once, on being built; whatever changes something asks again (`still`), because an open page outlives
its login: after a logout elsewhere, a new password, a suspension.
"""

from typing import Final

from fastapi import Request, Response
from nicegui import Client, ui
from nicegui import app as nicegui_app

from app.services import Services
from models import guesses, logins
from models.logins import Entered, Viewer

_SECURE_NAME: Final = "__Host-starscoo"
_PLAIN_NAME: Final = "starscoo_login"
_DEVICE_NAME: Final = "starscoo_device"


class LoggedOut(Exception):
    """The login behind an open page has ended; the page is on its way to /login."""


async def viewer_of(services: Services, request: Request) -> Viewer | None:
    """Who sent this request, None without a living login. Counts as activity."""
    token = token_of(services, request)
    if not token:
        return None
    return await services.database.run(logins.resolve, token, now=services.now(), is_active=True)


async def still(services: Services, viewer: Viewer) -> Viewer:
    """The viewer as the database knows him now, for every handler that changes something. Raises `LoggedOut` and
    sends the page to /login when his login has ended or the browser holds another one."""
    client = ui.context.client
    found = await viewer_of(services, client.request)
    if found is None or found.account_id != viewer.account_id:
        send_away(client)
        raise LoggedOut
    return found


def token_of(services: Services, request: Request) -> str:
    return request.cookies.get(_name(services, request), "")


def device_of(services: Services, request: Request) -> str:
    """The token by which an account knows this browser; it opens nothing (`models.guesses`)."""
    return request.cookies.get(_device_name(services, request), "")


def set_cookies(services: Services, request: Request, response: Response, entered: Entered) -> None:
    """Of a new login."""
    _set(services, request, response, _name(services, request), entered.token, logins.LONGEST_S)
    _set(services, request, response, _device_name(services, request), entered.device, guesses.DEVICE_S)


def clear_cookie(
    services: Services, request: Request, response: Response, *, forgets_device: bool = False
) -> None:
    names = [_name(services, request)]
    if forgets_device:
        names.append(_device_name(services, request))
    for name in names:
        response.delete_cookie(
            name, path="/", secure=is_secure(services, request), httponly=True, samesite="lax"
        )


def address_of(request: Request) -> str:
    """Where the visitor's browser is."""
    return request.client.host if request.client else ""


def is_secure(services: Services, request: Request) -> bool:
    """Whether the visitor sees https, which a proxy in front may provide."""
    return services.is_secure or request.url.scheme in ("https", "wss")


def close_pages(services: Services, token: str) -> None:
    """Sends every open page of a login away."""
    for client in list(nicegui_app.clients()):
        if token and token_of(services, client.request) == token:
            send_away(client)


def send_away(client: Client) -> None:
    client.run_javascript("starscoo.leave()")


def _set(
    services: Services, request: Request, response: Response, name: str, value: str, seconds: int
) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/",
        secure=is_secure(services, request),
        httponly=True,
        samesite="lax",
    )


def _device_name(services: Services, request: Request) -> str:
    return f"__Host-{_DEVICE_NAME}" if is_secure(services, request) else _DEVICE_NAME


def _name(services: Services, request: Request) -> str:
    return _SECURE_NAME if is_secure(services, request) else _PLAIN_NAME

"""Pages that are whole documents: what a visitor reads before he has an account. No socket, no scripts needed.

The same look as the dashboard at a fraction of its weight, and nothing kept on the server for a reader. What scripts
add (copying, tabs, the theme switch) is hidden from browsers without them; where a tab would hide text, all is shown.
"""

import gzip
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from fastapi import FastAPI, Request, Response
from markupsafe import Markup

from app import assets, frame, login, templates, theme
from app.services import Services
from models.logins import Viewer


@dataclass(frozen=True, slots=True)
class Page:
    """`title` is the window's; `description` is what search engines show."""

    title: str
    main: Markup
    description: str = ""


Draw = Callable[[Request, Viewer | None], Awaitable[Page]]


def register(services: Services, outer: FastAPI, path: str, draw: Draw) -> None:
    async def serve(request: Request) -> Response:
        viewer = await login.viewer_of(services, request)
        page = await draw(request, viewer)
        return _answer(request, _document(services, request, viewer, path, page))

    outer.add_route(path, serve, methods=["GET"])


def _document(services: Services, request: Request, viewer: Viewer | None, here: str, page: Page) -> Markup:
    chosen = theme.of(request)
    return templates.filled(
        "plain.html",
        title=page.title,
        description=page.description,
        head=frame.head(),
        icon=assets.url("icons/star.svg"),
        script=assets.url("plain.js"),
        without_scripts=_without_scripts(),
        theme="" if chosen == "system" else f" body--{chosen}",
        theme_first=frame.THEME_FIRST,
        brand=frame.brand("/"),
        links=frame.public_links(services, viewer, here),
        sandbox=_SANDBOX if services.is_sandbox else "",
        main=page.main,
        footer=frame.FOOTER,
        themes=frame.theme_buttons(request),
    )


def _answer(request: Request, document: str) -> Response:
    """Browsers ask each time whether it changed, since it depends on who looks, and mostly hear that it did not."""
    body = document.encode()
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": tag, "Vary": "Cookie, Accept-Encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, 6, mtime=0)
    return Response(body, headers=headers, media_type="text/html; charset=utf-8")


@cache
def _without_scripts() -> Markup:
    """For browsers without scripts: nothing hidden in a tab, nothing that cannot work, and night where it is night."""
    sheet = (assets.ROOT / "starscoo.css").read_text(encoding="utf-8")
    night = re.search(r"^body\.body--dark, \.s-night \{(.*?)^\}", sheet, re.MULTILINE | re.DOTALL)
    assert night is not None
    rules = (
        '[role="tabpanel"][hidden]{display:block!important}'
        '[role="tablist"],.s-copy,.s-theme,.s-scripted{display:none!important}'
        f"@media (prefers-color-scheme: dark){{body:not(.body--light){{{night[1]}}}}}"
    )
    return Markup("<noscript><style>{}</style></noscript>").format(Markup(rules))  # noqa: S704  our own style sheet


_SANDBOX: Final = Markup(
    '<div class="s-page s-over"><div class="s-banner s-banner-note"><span class="s-icon">{}</span>'
    "<span>{}</span></div></div>"
).format(theme.icon("info"), frame.SANDBOX)

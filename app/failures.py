"""Failures as people see them: a friendly page or toast with a reference, never the exception's text.

The reference is noted on the exception itself, so that the traceback in the log ends with it.
"""

import logging
import secrets
from typing import Final

from fastapi import FastAPI, Request, Response
from markupsafe import Markup
from nicegui import Client
from nicegui import app as nicegui_app
from starlette.responses import HTMLResponse, PlainTextResponse

from app import assets, theme
from app.components import toast
from app.headers import HEADERS
from app.login import LoggedOut

log = logging.getLogger("starscoo")

_PAGE: Final = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} · Starscoo</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="{favicon}">'
    '<link rel="stylesheet" href="{css}"><script defer src="{js}"></script></head>'
    '<body><main class="s-narrow"><a class="s-brand" href="/">{star}Starscoo</a>'
    '<div class="s-stack" style="margin-top:40px"><h1>{title}</h1><p class="s-quiet">{text}</p>{more}'
    '<div class="s-buttons"><a class="s-button s-primary" href="/app">Open dashboard</a>'
    '<a class="s-button s-plain" href="/docs">Read the docs</a></div></div></main></body></html>'
)


def page(title: str, text: str, status: int, *, reference: str = "") -> Response:
    """A whole page without a socket: it costs the server nothing that stays."""
    more = Markup("<p>Reference: <code>{}</code></p>").format(reference) if reference else Markup("")
    body = _PAGE.format(
        title=title,
        text=text,
        more=more,
        star=theme.STAR,
        css=assets.url("look.css"),
        js=assets.url("starscoo.js"),
        favicon=assets.url("icons/star.svg"),
    )
    return HTMLResponse(str(body), status, headers={"cache-control": "no-store"})


def reference_of(exception: BaseException) -> str:
    """A short id, noted on the exception once; log the exception and the id stands at the traceback's end."""
    for note in getattr(exception, "__notes__", []):
        if note.startswith("Reference: "):
            return str(note.removeprefix("Reference: "))
    reference = secrets.token_hex(4)
    exception.add_note(f"Reference: {reference}")
    return reference


def tell(exception: Exception) -> None:
    """For `client.on_exception`: what an open page says when one of its handlers failed."""
    if not isinstance(exception, LoggedOut):
        toast(
            f"That did not work. Try again, or tell the operator reference {reference_of(exception)}.", "bad"
        )


def not_found() -> Response:
    return page(
        "There is no such page",
        "The address may be mistyped, or the page may belong to somebody else. Nothing is broken.",
        404,
    )


def register(outer: FastAPI) -> None:
    """Replaces NiceGUI's own pages for failures, which print the exception, and covers the outer routes."""

    async def missing(request: Request, exception: Exception) -> Response:
        if "/_nicegui" in request.url.path:
            return PlainTextResponse("No such file.", 404)
        return not_found()

    async def broken(_: Request, exception: Exception) -> Response:
        reference = reference_of(exception)
        answer = page(
            "This page could not be shown",
            "The server ran into a problem of its own. Try again; if it stays, tell the operator the reference.",
            500,
            reference=reference,
        )
        answer.headers.update(HEADERS)
        return answer

    for each in (outer, nicegui_app):
        each.add_exception_handler(404, missing)
        each.add_exception_handler(Exception, broken)
    logging.getLogger("nicegui").addFilter(is_worth_logging)


def watch(client: Client) -> None:
    """Lets the page say when one of its handlers failed."""
    client.on_exception(tell)


def is_worth_logging(record: logging.LogRecord) -> bool:
    """A login that ended under an open page is no failure of ours."""
    is_logged_out = record.exc_info is not None and isinstance(record.exc_info[1], LoggedOut)
    return not is_logged_out and not isinstance(record.msg, LoggedOut)

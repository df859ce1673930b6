"""/app/requests.csv: the log as a file, with the same filters in its address as the page.

It is written while it is read, a few thousand requests at a time, so that a million cost no more memory than one
piece, and a slow reader holds no connection of the database. It ends after a million lines, and with the login. One
at a time for each account.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse, StreamingResponse

from app import failures, log_shown, login
from app.services import Services
from models import logins, request_log, requests_csv
from models.logins import Viewer
from models.request_log import Cursor, Query

MOST_LINES: Final = 1_000_000


def register(
    services: Services, outer: FastAPI, *, most_lines: int = MOST_LINES, piece: int = requests_csv.PIECE
) -> None:
    """`piece` is how many lines are read at a time."""
    running: set[int] = set()

    async def send(request: Request) -> Response:
        viewer = await login.viewer_of(services, request)
        if viewer is None:
            return RedirectResponse("/login", 303)
        if viewer.account_id in running:
            return failures.page(
                "A file is being written already", "Wait for the first download, then try again.", 429
            )
        shown = log_shown.parse(f"/app/requests?{request.url.query}")
        keys = await services.database.read(request_log.keys_of, viewer.account_id)
        now = services.now()
        query = shown.query(shown.picked.filters(keys), now)
        headers = {
            "content-disposition": f'attachment; filename="{file_name(viewer.email, query, now)}"',
            "cache-control": "no-store",
        }

        async def whole() -> AsyncIterator[str]:
            running.add(viewer.account_id)
            try:
                async for part in _lines(services, request, viewer, query, (most_lines, piece)):
                    yield part
            finally:
                running.discard(viewer.account_id)

        return StreamingResponse(whole(), media_type="text/csv; charset=utf-8", headers=headers)

    outer.add_route("/app/requests.csv", send, methods=["GET"])


def file_name(email: str, query: Query, now: int) -> str:
    """`starscoo-alice-example.com-2026-10-25-to-2026-11-22.csv`; the last day is the last that is in it."""
    account = re.sub(r"[^a-z0-9.]+", "-", email.lower()).strip("-.")
    until = now if query.until is None else min(query.until - 1, now)
    stretch = f"until-{_day(until)}" if query.since is None else f"{_day(query.since)}-to-{_day(until)}"
    return f"starscoo-{account}-{stretch}.csv"


async def _lines(
    services: Services, request: Request, viewer: Viewer, query: Query, bounds: tuple[int, int]
) -> AsyncIterator[str]:
    database = services.database
    keys = await database.read(requests_csv.names, viewer.account_id)
    yield requests_csv.head()
    after: Cursor | None = None
    left, most = bounds
    while left > 0:
        piece = await database.read(
            requests_csv.piece, viewer.account_id, query, keys=keys, after=after, size=min(left, most)
        )
        yield piece.text
        left -= piece.lines
        after = piece.last
        if after is None:
            return
        token = login.token_of(services, request)
        if not await database.read(logins.living, [token], now=services.now()):
            raise RuntimeError("The login ended while the file was being written.")


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")

"""/app/account/export: everything kept about an account as one JSON document, written while it is read, so that its
length costs no memory. One at a time for each account."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse, StreamingResponse

from app import failures, login
from app.services import Services
from models import own_data

PATH: Final = "/app/account/export"


def register(services: Services, outer: FastAPI) -> None:
    running: set[int] = set()

    async def export(request: Request) -> Response:
        viewer = await login.viewer_of(services, request)
        if viewer is None:
            return RedirectResponse("/login", 303)
        account_id = viewer.account_id
        if account_id in running:
            return failures.page(
                "Your data is being written already", "Wait for the first download, then try again.", 429
            )

        async def whole() -> AsyncIterator[bytes]:
            running.add(account_id)
            try:
                async for part in document(services, account_id):
                    yield part
            finally:
                running.discard(account_id)

        name = f"starscoo-account-{account_id}-{_day(services.now())}.json"
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
        return StreamingResponse(whole(), media_type="application/json", headers=headers)

    outer.add_route(PATH, export, methods=["GET"])


async def document(services: Services, account_id: int) -> AsyncIterator[bytes]:
    """Requests and refusals up to now, page by page. One that was cut is no JSON, so nobody takes it for whole."""
    now, read = services.now(), services.database.read
    start = {"exported_at": own_data.moment(now)} | await read(own_data.account, account_id, now=now)
    yield json.dumps(start, indent=1, ensure_ascii=False).removesuffix("\n}").encode(errors="replace")
    for name, page in own_data.PAGED.items():
        yield f',\n "{name}": ['.encode()
        cursor: own_data.Cursor = None
        separator = "\n  "
        while True:
            rows, cursor = await read(page, account_id, cursor, until_ms=now * 1000)
            if rows:
                lines = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in rows)
                yield (separator + lines).encode(errors="replace")
                separator = ",\n  "
            if cursor is None:
                break
        yield b"\n ]"
    yield b"\n}\n"


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")

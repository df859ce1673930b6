"""Failures as visitors see them: kind, with a reference, without the exception."""

import asyncio
import logging

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from app import failures
from app.headers import HEADERS
from app.login import LoggedOut

SECRET = "postgresql://starscoo:hunter2@db/starscoo"


def answer_of(path: str) -> Response:
    outer = FastAPI()
    failures.register(outer)

    async def broken(_: object) -> None:
        raise RuntimeError(SECRET)

    outer.add_route("/broken", broken)

    async def ask() -> Response:
        transport = ASGITransport(outer, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://starscoo") as web:
            return await web.get(path)

    return asyncio.run(ask())


def test_an_exception_shows_a_reference_and_never_its_text() -> None:
    answer = answer_of("/broken")

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "Reference: <code>" in answer.text
    assert set(HEADERS) <= set(answer.headers)


def test_an_unknown_address_is_told_kindly_and_leaves_no_page_behind_on_the_server() -> None:
    answer = answer_of("/nowhere")

    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert "nowhere" not in answer.text


def test_the_reference_of_an_exception_stands_in_its_traceback_and_stays_the_same() -> None:
    error = RuntimeError("cause")
    reference = failures.reference_of(error)

    assert failures.reference_of(error) == reference
    assert error.__notes__ == [f"Reference: {reference}"]


def test_a_login_that_has_ended_is_not_logged_as_a_failure() -> None:
    def record(error: Exception) -> logging.LogRecord:
        return logging.LogRecord("nicegui", logging.ERROR, "", 0, error, (), None)

    assert failures.is_worth_logging(record(RuntimeError("cause")))
    assert not failures.is_worth_logging(record(LoggedOut()))

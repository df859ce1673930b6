"""/app/requests.csv: for whoever is logged in, under a name that says what it is."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import simulated
from fastapi import FastAPI
from simulated import House
from starlette.types import Message, Scope

from app import requests_file
from models import logins, requests_csv
from models.accounts import Account
from models.request_log import Query

NOW = simulated.SUNDAY_NOON


@asynccontextmanager
async def browser(house: House, who: Account | None, **bounds: int) -> AsyncIterator[httpx.AsyncClient]:
    outer = FastAPI()
    requests_file.register(house.services, outer, **bounds)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://test") as client:
        if who is not None:
            token = house.database.run_now(logins.open_login, who.id, device="test", now=house.now())
            client.cookies.set("starscoo_login", token)
        yield client


def test_the_file_holds_what_the_page_shows(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", requests=3)
        house.used(house.key(alice, "Other"), "gpt-5-mini", requests=2, days_ago=3)
        async with browser(house, alice) as client:
            answer = await client.get("/app/requests.csv?model=gpt-5")
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/csv; charset=utf-8"
            assert answer.headers["content-disposition"] == (
                'attachment; filename="starscoo-alice-example.com-until-2026-11-22.csv"'
            )
            lines = list(csv.DictReader(io.StringIO(answer.text)))
            assert [line["model"] for line in lines] == ["gpt-5"] * 3
            assert {line["time"] for line in lines} == {"2026-11-22T12:00:00.000Z"}
            assert {line["cost_usd"] for line in lines} == {"0.002000000"}

    simulated.run(tmp_path, story)


def test_P_Z2_nobody_gets_a_line_of_others_and_nobody_gets_one_without_a_login(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice, charlie = house.account("alice@example.com"), house.account("charlie@example.com")
        key = house.key(alice)
        house.used(key, "gpt-5", requests=3)
        async with browser(house, charlie) as client:
            for query in ("", f"?key={key.public_id}", "?key=AAAAAAAAAAAA"):
                answer = await client.get(f"/app/requests.csv{query}")
                assert answer.text == requests_csv.head()
        async with browser(house, None) as client:
            answer = await client.get("/app/requests.csv")
            assert answer.status_code == 303
            assert answer.headers["location"] == "/login"
            assert answer.text == ""

    simulated.run(tmp_path, story)


def test_a_file_ends_at_its_longest(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", requests=9)
        async with browser(house, alice, most_lines=5, piece=2) as client:
            answer = await client.get("/app/requests.csv")
            assert len(answer.text.splitlines()) == 1 + 5

    simulated.run(tmp_path, story)


def test_a_login_that_ends_cuts_the_file(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", requests=9)
        token = house.database.run_now(logins.open_login, alice.id, device="test", now=house.now())
        outer = FastAPI()
        requests_file.register(house.services, outer, piece=2)
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)
            house.database.run_now(logins.close_all, alice.id)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "method": "GET",
            "scheme": "http",
            "path": "/app/requests.csv",
            "query_string": b"",
            "headers": [(b"host", b"test"), (b"cookie", f"starscoo_login={token}".encode())],
        }
        with pytest.raises(RuntimeError, match="The login ended"):
            await outer(scope, receive, send)
        assert b"".join(part.get("body", b"") for part in sent).count(b"\r\n") == 1 + 2

    simulated.run(tmp_path, story)


def test_the_name_says_whose_it_is_and_which_days_are_in_it() -> None:
    midnight = NOW - NOW % 86_400
    week = Query(since=midnight - 6 * 86_400, until=midnight + 86_400)
    assert requests_file.file_name("a.b+c@example.com", week, NOW) == (
        "starscoo-a.b-c-example.com-2026-11-16-to-2026-11-22.csv"
    )
    assert requests_file.file_name('"../x@y', Query(until=midnight), NOW) == (
        "starscoo-x-y-until-2026-11-21.csv"
    )

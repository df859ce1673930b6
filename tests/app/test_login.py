"""Cookies and returned forms, without a server."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import simulated
from fastapi import Request, Response
from simulated import House

from app import forms, login
from app.forms import PasswordWork, Rejected, Returned
from app.services import Services
from models.logins import Entered


def request_to(path: str, *, scheme: str = "http", cookie: str = "", query: str = "") -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": scheme,
            "path": path,
            "query_string": query.encode(),
            "headers": [(b"host", b"gateway"), (b"cookie", cookie.encode())],
        }
    )


def cookie_of(services: Services, request: Request) -> str:
    response = Response()
    login.set_cookies(services, request, response, Entered("token", "device"))
    return response.headers["set-cookie"]


def test_P_Z4_on_https_the_cookie_is_bound_to_this_host_and_to_https(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        plain, behind_https = house.services, replace(house.services, is_secure=True)

        assert cookie_of(plain, request_to("/")).startswith(
            "starscoo_login=token; HttpOnly; Max-Age=43200; Path=/;"
        )
        assert "Secure" not in cookie_of(plain, request_to("/"))
        for services, scheme in ((plain, "https"), (behind_https, "http")):
            cookie = cookie_of(services, request_to("/", scheme=scheme))
            assert cookie.startswith("__Host-starscoo=token; HttpOnly")
            assert cookie.endswith("SameSite=lax; Secure")
            assert "Domain" not in cookie

    simulated.run(tmp_path, story)


def test_a_cookie_of_plain_http_opens_nothing_on_https(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        planted = request_to("/app", scheme="https", cookie="starscoo_login=planted")

        assert login.token_of(house.services, planted) == ""

    simulated.run(tmp_path, story)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/app", "/app"),
        ("/app/usage?range=7d&view=table", "/app/usage?range=7d&view=table"),
        ("", "/app"),
        ("/", "/app"),
        ("/logout", "/app"),
        ("/application", "/app"),
        ("//evil.example", "/app"),
        ("https://evil.example/app", "/app"),
        ("/app/\r\nset-cookie: a=b", "/app/%0D%0Aset-cookie:%20a=b"),
        ("/app\\evil", "/app"),
    ],
)
def test_a_login_leads_only_into_the_dashboard(asked: str, given: str) -> None:
    assert forms.inner_path(asked) == given


@pytest.mark.parametrize(
    "cookie", ["", "starscoo_form=%%%", "starscoo_form=e30=", "starscoo_form=bnVsbA==", "starscoo_form=W10="]
)
def test_a_returned_form_that_cannot_be_read_is_a_fresh_one(cookie: str) -> None:
    assert forms.returned(request_to("/login", cookie=cookie, query="try=1")) == Returned()


def test_passwords_are_hashed_two_at_a_time_and_a_crowd_is_turned_away() -> None:
    async def crowd() -> list[object]:
        work = PasswordWork()
        return await asyncio.gather(*(work.matches("wrong", None) for _ in range(43)), return_exceptions=True)

    answers = asyncio.run(crowd())

    assert [answer for answer in answers if isinstance(answer, Rejected)] == answers[40:]
    assert answers[:40] == [False] * 40

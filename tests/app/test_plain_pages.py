"""/, /docs and /models as whole documents: readable without scripts, small, kept by browsers, and the same look."""

import gzip
import re
from pathlib import Path

import pytest
import simulated
from fakes.clock import Clock
from simulated import House
from starlette.datastructures import QueryParams

from app.pages import models as models_page
from models import speeds

PAGES = ("/", "/docs", "/models")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_without_scripts_and_sets_no_cookie(tmp_path: Path, path: str) -> None:
    async def story(house: House) -> None:
        answer = await house.read(path)
        said = answer.text
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        assert said.startswith("<!doctype html>")
        assert said.count("<h1>") == 1
        assert "{{" not in said
        assert "nicegui" not in said
        assert not re.findall(r'(?:src|href)="https?://', said)
        assert '[role="tabpanel"][hidden]{display:block' in said

    simulated.run(tmp_path, story)


@pytest.mark.parametrize("path", PAGES)
def test_a_browser_that_has_the_page_is_sent_nothing(tmp_path: Path, path: str) -> None:
    async def story(house: House) -> None:
        first = await house.read(path)
        again = await house.read(path, if_none_match=first.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")
        assert "private" in first.headers["cache-control"]
        other = await house.read(
            path, house.account("alice@example.com"), if_none_match=first.headers["etag"]
        )
        assert other.status_code == 200
        assert "Open dashboard" in other.text

    simulated.run(tmp_path, story)


def test_a_page_is_packed_for_who_can_unpack_it(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        plain = await house.read("/docs", accept_encoding="identity")
        packed = await house.read("/docs", accept_encoding="gzip")
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.text == plain.text
        assert len(gzip.compress(plain.content, 6)) < 20_000

    simulated.run(tmp_path, story)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_theme_needs_no_script(tmp_path: Path, theme: str) -> None:
    async def story(house: House) -> None:
        said = (await house.read("/", cookie=f"starscoo_theme={theme}")).text
        assert f'<body class="s-public s-plain-page body--{theme}">' in said

    simulated.run(tmp_path, story)


def test_where_sign_up_is_closed_nobody_is_led_to_it(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        assert 'href="/signup"' in (await house.read("/")).text
        object.__setattr__(house.services, "is_signup_open", False)
        assert 'href="/signup"' not in (await house.read("/")).text

    simulated.run(tmp_path, story)


def test_models_are_told_with_how_fast_they_begin(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        key = house.key(house.account("alice@example.com"))
        house.used(key, "gpt-5", requests=speeds.FEWEST)
        house.used(key, "gpt-5-mini", requests=speeds.FEWEST - 1)
        house.used(key, "claude-opus-4-7", requests=speeds.FEWEST, days_ago=2)
        fast = house.database.read_now(speeds.first_token_p50, now=house.now())
        assert set(fast) == {"gpt-5"}
        assert abs(fast["gpt-5"] - 200) <= 20
        said = (await house.read("/models")).text
        assert f"{fast['gpt-5']} ms" in said
        assert said.count("Too few requests") == 4
        assert "Not connected" in said

    simulated.run(tmp_path, story)


def test_times_are_read_once_a_minute(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        assert isinstance(house.clock, Clock)
        key = house.key(house.account("alice@example.com"))
        assert "ms</td>" not in (await house.read("/models")).text
        house.used(key, "gpt-5", requests=speeds.FEWEST)
        assert "ms</td>" not in (await house.read("/models")).text
        house.clock.advance(models_page.KEPT_S)
        assert "ms</td>" in (await house.read("/models")).text

    simulated.run(tmp_path, story)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["claude-opus-4-7", "claude-sonnet-4-6", "gpt-5", "gpt-5-mini", "codex-1"]),
        ("q=CLAUDE", ["claude-opus-4-7", "claude-sonnet-4-6"]),
        ("works=vision&q=openai", ["gpt-5", "gpt-5-mini"]),
        ("available=1&q=codex", []),
        ("sort=input", ["gpt-5-mini", "gpt-5", "codex-1", "claude-sonnet-4-6", "claude-opus-4-7"]),
        ("sort=first", ["codex-1", "claude-opus-4-7", "claude-sonnet-4-6", "gpt-5", "gpt-5-mini"]),
        ("sort=nonsense&works=nonsense&q=gpt-5-m", ["gpt-5-mini"]),
    ],
)
def test_models_are_filtered_and_ordered_by_the_address(tmp_path: Path, asked: str, found: list[str]) -> None:
    async def story(house: House) -> None:
        wish = models_page.read(QueryParams(asked))
        assert [model.id for model in models_page.chosen(house.services, wish, {"codex-1": 5})] == found
        said = (await house.read(f"/models?{asked}")).text
        assert ("No model matches" in said) == (not found)

    simulated.run(tmp_path, story)


def test_who_is_logged_in_is_told_his_limits(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        said = (await house.read("/models", house.account("alice@example.com"))).text
        assert 'Your <a href="/app/limits">limits</a> bind all models together' in said
        assert "Your" not in (await house.read("/models")).text

    simulated.run(tmp_path, story)


def test_what_stands_in_the_address_is_never_markup(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        said = (await house.read('/models?q="><script>alert(1)</script>')).text
        assert "<script>alert" not in said

    simulated.run(tmp_path, story)

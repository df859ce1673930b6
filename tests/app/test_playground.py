"""/app/playground: whose keys it sends with, what its form means, and the same request as a program."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import running
import simulated
from simulated import House

from app import playground_form
from app.own_requests import Happening, Refused
from app.playground_form import Asked, BadField
from models import catalog
from models.keys import ApiKey

WILD = 'It\'s "so" $HOME `id` \\n \\ 日本 \u2028 {x} ${y} %s\nJSON\n</script> \U0001f600'
ASKED = Asked("claude-sonnet-4-6", WILD, system="Answer in one line.", temperature=0.7, max_tokens=50)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Running]:
    with running.server(tmp_path_factory.mktemp("playground"), command="demo") as started:
        yield started


def run(server: running.Running, directory: Path, language: str, command: list[str]) -> str:
    program = directory / ("program.mjs" if language == "javascript" else "program")
    program.write_text(playground_form.programs(ASKED, base_url=f"{server.url}/v1")[language])
    key = json.loads((server.directory / "data/demo.json").read_text())["key"]
    done = subprocess.run(
        [*command, program.name],
        cwd=directory,
        env=running.bare_environment(STARSCOO_KEY=key),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("language", "command"), [("curl", ["sh"]), ("python", [sys.executable])])
def test_a_program_says_the_very_words_of_the_form(
    server: running.Running, tmp_path: Path, language: str, command: list[str]
) -> None:
    assert "It's" in run(server, tmp_path, language, command)


def test_a_program_in_javascript_says_the_very_words_of_the_form(
    server: running.Running, tmp_path: Path, node_modules: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules)
    assert "It's" in run(server, tmp_path, "javascript", ["node"])


def test_a_shell_reads_the_body_as_it_is() -> None:
    program = playground_form.programs(ASKED, base_url="http://x/v1")["curl"]
    script = program[program.index("<<'JSON'") :]
    done = subprocess.run(["sh", "-c", f"cat {script}"], capture_output=True, timeout=10, check=True)
    assert json.loads(done.stdout) == ASKED.body()


def test_what_is_empty_is_left_out() -> None:
    asked = playground_form.read(
        {"model": "m", "message": "Hi", "system": "", "temperature": " ", "max_tokens": ""}
    )
    assert asked.body() == {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def test_numbers_go_out_as_numbers() -> None:
    asked = playground_form.read({"model": "m", "message": "Hi", "temperature": "0.5", "max_tokens": "20"})
    assert asked.body()["temperature"] == 0.5
    assert asked.body()["max_completion_tokens"] == 20


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("temperature", "warm"),
        ("temperature", "nan"),
        ("temperature", "inf"),
        ("temperature", "1e9"),
        ("max_tokens", "-1"),
        ("max_tokens", "1.5"),
        ("max_tokens", "²"),
        ("max_tokens", "9" * 10),
        ("message", "x" * (playground_form.LONGEST_TEXT + 1)),
    ],
)
def test_what_is_no_number_or_too_long_is_said_at_its_field(field: str, text: str) -> None:
    with pytest.raises(BadField) as refused:
        playground_form.read({"model": "m", "message": "Hi", field: text})
    assert refused.value.field == field


def test_half_a_character_harms_nothing() -> None:
    asked = playground_form.read({"model": "m", "message": "a\ud800b"})
    json.dumps(asked.body(), ensure_ascii=False).encode()


def test_every_model_of_the_release_has_an_example_of_its_own() -> None:
    examples = [playground_form.example(model) for model in catalog.load(catalog.default_path()).models]
    assert len(set(examples)) == len(examples)
    assert playground_form.example("somebody's own") not in examples


def test_only_keys_that_work_are_offered(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        from models import keys

        alice = house.account("alice@example.com")
        house.key(alice, "Laptop")
        revoked = house.key(alice, "Gone")
        house.database.run_now(keys.revoke, alice.id, revoked.public_id, actor="alice", now=house.now())
        said = simulated.shown(await house.visit("/app/playground", alice))
        assert "Laptop …" in said
        assert "Gone" not in said

    simulated.run(tmp_path, story)


def test_who_has_no_key_is_told_where_to_make_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        said = simulated.shown(await house.visit("/app/playground", house.account("alice@example.com")))
        assert "No key to send with" in said

    simulated.run(tmp_path, story)


@pytest.mark.parametrize("is_known", [True, False])
def test_charlie_can_not_send_as_somebody_elses_key(tmp_path: Path, is_known: bool) -> None:
    async def story(house: House) -> None:
        alice, charlie = house.account("alice@example.com"), house.account("charlie@example.com")
        foreign = house.key(alice).public_id if is_known else "AAAAAAAAAAAA"
        house.key(charlie, "Own")
        user = await house.visit("/app/playground", charlie)
        await simulated.submit(user, "Request", model="gpt-5-mini", key=foreign, message="Hi")
        assert "There is no such key. Choose another one." in simulated.shown(user)
        assert vars(house.services.own_requests._passes)["_living"] == {}

    simulated.run(tmp_path, story)


class Scripted:
    """Stands for the gateway behind the page: hands out what it was given, keeps what it was asked."""

    def __init__(self, *happenings: Happening) -> None:
        self.happenings = happenings
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def stream(self, key: ApiKey, body: Mapping[str, Any]) -> AsyncGenerator[Happening]:
        self.asked.append((key.public_id, body))
        for happening in self.happenings:
            yield happening


async def sent(house: House, scripted: Scripted, **fields: str) -> str:
    """What the page says after a request of Alice's only key."""
    object.__setattr__(house.services, "own_requests", scripted)
    alice = house.account("alice@example.com")
    user = await house.visit("/app/playground", alice)
    assert "No key" in simulated.shown(user)
    key = house.key(alice)
    user = await house.visit("/app/playground", alice)
    await simulated.submit(
        user, "Request", **{"model": "gpt-5-mini", "key": key.public_id, "message": "Hi"} | fields
    )
    return simulated.shown(user)


def test_a_long_message_goes_out_whole(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        scripted = Scripted(Refused(400, "invalid_request", "Too much.", "messages", "req_1"))
        said = await sent(house, scripted, message="word " * 10_000)
        ((_, body),) = scripted.asked
        assert body["messages"] == [{"role": "user", "content": "word " * 10_000}]
        for told in ("Too much.", "invalid_request", "messages", "req_1", "Read error.param"):
            assert told in said

    simulated.run(tmp_path, story)


def test_what_a_gateway_says_is_never_markup(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        scripted = Scripted(Refused(None, "<b>code</b>", "<img src=x onerror=alert(1)>", None, ""))
        said = await sent(house, scripted)
        assert "<img src=x onerror=alert(1)>" in said

    simulated.run(tmp_path, story)


def test_a_wrong_number_is_told_at_its_field_and_nothing_is_sent(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit("/app/playground", alice)
        await simulated.submit(
            user, "Request", model="gpt-5-mini", key=key.public_id, message="Hi", temperature="warm"
        )
        assert "Write a number like 0.7" in simulated.shown(user)

    simulated.run(tmp_path, story)

"""/docs: what it says is what the gateway does, for this very server."""

import json
import re
from pathlib import Path
from typing import get_args

import simulated
from markupsafe import Markup
from simulated import House

from api import admission, errors
from app import assets, docs_text, samples
from app.components import docs_article
from app.components.docs_article import Server
from models import catalog, parameters

BASE_URL = "https://llm.example.com/v1"


def server(*, is_logged_in: bool = False) -> Server:
    models = tuple(catalog.load(catalog.default_path()).models.values())
    return Server(
        base_url=BASE_URL,
        models=models,
        is_available=lambda model: model != "codex-1",
        sample_model="gpt-5-mini",
        is_logged_in=is_logged_in,
    )


def test_the_table_of_errors_is_the_gateways_own() -> None:
    told = {line.code: (line.status, line.is_retried) for line in docs_text.ERRORS}
    done = {kind: (status, is_retried) for kind, (status, _, is_retried) in errors.KINDS.items()}
    assert told == done
    assert len(docs_text.ERRORS) == len(told)


def test_every_parameter_has_its_row_for_every_model() -> None:
    article = _plain(docs_article.article(server()).striptags())
    for row in parameters.load():
        assert _plain(row.note) in article
    assert article.count("refused") > 50


def test_the_sample_of_an_error_is_one() -> None:
    shown = json.loads(docs_article.ERROR_SAMPLE)["error"]
    assert errors.KINDS[shown["code"]][1] == shown["type"]


def test_nothing_is_left_to_fill_in() -> None:
    assert "{{" not in docs_article.article(server())


def test_this_servers_address_and_a_model_stand_in_every_sample() -> None:
    article = docs_article.article(server())
    for task in get_args(samples.Task):
        for language in get_args(samples.Language):
            text = samples.text(task, language, base_url=BASE_URL, model="gpt-5-mini")
            assert BASE_URL in text
            assert "gpt-5-mini" in text
            assert "STARSCOO_KEY" in text
            assert _plain(text) in _plain(article.striptags())


def test_no_other_host_stands_in_the_article() -> None:
    article = str(docs_article.article(server()))
    assert set(re.findall(r"https?://([^/\s\"'<&]+)", article)) == {"llm.example.com"}


def test_every_model_is_listed_with_its_price_and_whether_it_answers() -> None:
    said = docs_article.article(server()).striptags()
    for model in server().models:
        assert model.id in said
    assert said.count("Not connected") == 1
    assert "$0.125" in said
    assert "price assumed" in said


def test_every_section_of_the_contents_is_there() -> None:
    article = docs_article.article(server())
    anchors = [anchor for anchor, _ in docs_article.contents()]
    assert anchors[:3] == ["quickstart", "authentication", "chat"]
    assert {"streaming", "tools", "models", "errors", "limits", "retries", "providers"} <= set(anchors)
    for anchor in anchors:
        assert article.count(f'id="{anchor}"') == 1


def test_links_into_the_dashboard_are_for_those_who_are_logged_in() -> None:
    assert 'href="/app/keys"' in docs_article.article(server(is_logged_in=True))
    assert 'href="/app' not in docs_article.article(server())


def test_samples_hold_no_key() -> None:
    for path in sorted(samples.FOLDER.iterdir()):
        assert "sk-" not in path.read_text()


def test_the_page_is_public_and_names_the_address_by_which_it_was_asked(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        said = (await house.read("/docs")).text
        assert "http://test/v1" in said
        assert "Changelog" in said

    simulated.run(tmp_path, story)


def test_who_is_logged_in_sees_a_key_of_his_own_masked_and_chooses_another_by_name(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice, charlie = house.account("alice@example.com"), house.account("charlie@example.com")
        first, second = house.key(alice, "Laptop"), house.key(alice, "Nightly <report>")
        foreign = house.key(charlie, "Foreign")
        document = (await house.read(f"/docs?key={first.public_id}", alice)).text
        assert "Nightly &lt;report&gt;" in document
        assert (
            "# Laptop, as it was shown when it was made export STARSCOO_KEY=sk-starscoo-…" + first.last4
            in Markup(document).striptags()
        )
        for wanted in (foreign.public_id, "unknown", ""):
            said = Markup((await house.read(f"/docs?key={wanted}", alice)).text).striptags()
            assert f"STARSCOO_KEY=sk-starscoo-…{second.last4}" in said
            assert foreign.last4 not in said

    simulated.run(tmp_path, story)


def test_a_model_is_chosen_for_all_samples(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        said = (await house.read("/docs?model=claude-sonnet-4-6")).text
        assert '<option value="claude-sonnet-4-6" selected>' in said
        quickstart = said[said.index("panel-quickstart-python") :]
        assert "claude-sonnet-4-6" in quickstart[: quickstart.index("</pre>")]
        assert "&lt;script" not in (await house.read("/docs?model=<script>")).text

    simulated.run(tmp_path, story)


def test_the_limits_are_told_as_the_gateway_keeps_them() -> None:
    said = docs_article.article(server()).striptags()
    for promise in (
        "calendar month, both of UTC",
        "fit the key's limit and the account's at once",
        "an upper estimate of the prompt and the bound on the answer are reserved",
        "admitted while its prompt and one token of the answer fit",
        f"Retry-After: {admission.HELD_SECONDS} and x-should-retry: true",
        "x-starscoo-bound",
        "monthly_tokens: what the cap had left",
        "error of the prompt estimates of the requests that run at that moment",
        "up to 15 more",
        "concurrency_limited",
    ):
        assert promise in said, promise


def test_the_rules_of_style_name_no_colour() -> None:
    rules = (assets.ROOT / "pages.css").read_text()
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b", rules)


def _plain(text: str) -> str:
    return re.sub(r"\s+", "", text)

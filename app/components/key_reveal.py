"""The one moment a key is seen: shown, copied, tried out, gone.

The secret lives in one local variable and in the dialog, which empties itself on closing. The dialog waits for
the key's first request and says what became of it. Of a key that has two secrets, only a request that came with the
new one counts.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from fastapi import Request
from markupsafe import Markup
from nicegui import ui

from app import address, samples, theme, words
from app.arrivals import Arrival
from app.components.code import code_tabs
from app.components.controls import button, copy_button
from app.components.dialogs import Dialog
from app.components.elements import html, set_attributes, tag
from app.services import Services
from models import keys
from models.keys import Issued

_ENABLED_AFTER_S: Final = 5
_WRITTEN_AFTER_S: Final = 1.5
"""How long another process may take to write that a secret was used."""


class KeyReveal:
    """One per page. `on_close` runs when the person has said that the key is saved."""

    def __init__(self, services: Services, *, on_close: Callable[[], Any] | None = None) -> None:
        self._services = services
        self._dialog = Dialog(is_wide=True, is_persistent=True, on_close=on_close)

    @property
    def is_open(self) -> bool:
        return self._dialog.is_open

    def show(self, issued: Issued) -> None:
        request = ui.context.client.request
        with self._dialog.filled("Save your key now"):
            tag("p", _once(issued), "s-quiet")
            box = tag("div", "", "s-stack")
            with box:
                _secret_line(issued, address.base_url(self._services, request))
                code_tabs(programs(self._services, request, issued), label="Language")
            news = tag("div", "", "s-arrival", role="status")
            with news:
                html(_waiting())
            with tag("div", "", "s-buttons s-end"):
                done = button("I saved it", on_click=self._dialog.close)
                set_attributes(done, disabled=True, data_after_copy="")
            enable = lambda: set_attributes(done, disabled=None)  # noqa: E731
            box.on("copied", enable, args=[])
            ui.timer(_ENABLED_AFTER_S, enable, once=True)
        self._await_first_request(issued, news, enable)

    def _await_first_request(self, issued: Issued, news: ui.element, enable: Callable[[], Any]) -> None:
        is_asking = False

        async def told(arrivals: list[Arrival]) -> None:
            nonlocal is_asking
            mine = [arrival for arrival in arrivals if arrival.key_id == issued.key.id]
            if not mine or is_asking:
                return
            is_asking = True
            try:
                is_new = await self._is_of_new(issued)
            finally:
                is_asking = False
            if is_new and not news.is_deleted:
                enable()
                news.clear()
                with news:
                    html(_arrived(mine[-1]))

        self._services.arrivals.follow(issued.key.account_id, news, told)

    async def _is_of_new(self, issued: Issued) -> bool:
        """Whether the new secret was used: noted here with the request itself, by other processes a second later."""
        key = issued.key
        for wait_s in (0, _WRITTEN_AFTER_S):
            if not issued.is_rotation or self._services.uses.seen(key.digest) is not None:
                return True
            await asyncio.sleep(wait_s)
            found = await self._services.database.read(keys.get, key.account_id, key.public_id)
            if found.digest == key.digest and found.used_at is not None:
                return True
        return False


def _once(issued: Issued) -> str:
    once = "This is the only time it is shown. We keep a fingerprint of it, not the key."
    until = issued.key.old_until
    return f"{once} The old one works until {words.utc_day(until)}." if issued.is_rotation and until else once


def programs(services: Services, request: Request, issued: Issued) -> dict[str, str]:
    """The samples of the documentation with the key in place of the variable: they run as they stand."""
    base_url, secret = address.base_url(services, request), issued.secret
    model = address.sample_model(services, issued.key.models)
    shell = samples.text("quickstart", "curl", base_url=base_url, model=model)
    python = samples.text("quickstart", "python", base_url=base_url, model=model)
    script = samples.text("quickstart", "javascript", base_url=base_url, model=model)
    return {
        "curl": shell.replace("$STARSCOO_KEY", secret),
        "python": python.replace("import os\n\n", "").replace('os.environ["STARSCOO_KEY"]', f'"{secret}"'),
        "javascript": script.replace("process.env.STARSCOO_KEY", f'"{secret}"'),
    }


def _secret_line(issued: Issued, base_url: str) -> None:
    name = issued.key.name
    with tag("div", "", "s-field"):
        label = tag("label", f"Key “{name}”")
        with tag("div", "", "s-secret"):
            field = tag("input", "", "s-input s-mono", type="text", readonly="", spellcheck="false")
            field.props["^value"] = issued.secret
            set_attributes(label, for_=field.html_id)
            field.mark("Key")
            copy_button("Copy key", copies_from=f"#{field.html_id}")
            download = tag("button", "", "s-button s-plain", type="button", data_file="starscoo.env")
            set_attributes(
                download, data_download=f"STARSCOO_KEY={issued.secret}\nOPENAI_BASE_URL={base_url}\n"
            )
            with download:
                html(theme.icon("download"), "s-icon", "span")
                tag("span", "Download .env")


def _waiting() -> Markup:
    return Markup(
        '<span class="s-pulse" aria-hidden="true"></span><span>Waiting for the first request. '
        "Paste one of these into a terminal and watch this line.</span>"
    )


def _arrived(arrival: Arrival) -> Markup:
    if arrival.refusal:
        return Markup('<span class="s-pill s-pill-bad">Refused</span><span>{}</span>').format(arrival.refusal)
    if arrival.outcome != "ok":
        return Markup(
            '<span class="s-pill s-pill-caution">Arrived</span><span>The request reached {}, which did not '
            "answer it properly ({}). The key itself works.</span>"
        ).format(arrival.model, arrival.outcome)
    return Markup(
        '<span class="s-pill s-pill-good">It works</span><span>First request arrived: <b>{}</b>, {}, {}</span>'
    ).format(arrival.model, words.plural(arrival.total_tokens, "token"), words.duration(arrival.total_ms))

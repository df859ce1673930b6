"""/app/playground: one request, sent as one of the visitor's own keys, its answer streamed.

The request is a real one: it goes through this server's own front (`app.own_requests`), so limits, rows and refusals
are those of the chosen key. What is shown of its end is read from the ledger. Texts stay in the browser.
"""

import asyncio
import json
import logging
from contextlib import aclosing
from typing import Final

import httpx
from nicegui import ui

from app import address, components, docs_text, frame, login, own_keys, playground_form
from app.components import Field, LiveCode, set_attributes, tag
from app.components.answer import AnswerCard
from app.own_requests import Began, Ended, Happening, Piece, Refused
from app.playground_form import Asked, BadField
from app.services import Services
from models import keys, outcomes
from models.keys import ApiKey, NoSuchKey
from models.ledger import RequestRow
from models.logins import Viewer

log = logging.getLogger("starscoo")

_KEPT: Final = (
    "What you write stays in this browser tab, also unsent, until you close the tab or log out. Others who use "
    "this tab can read it."
)
_ROW_TRIES: Final = 40
_ROW_PAUSE_S: Final = 0.1
_ADVICE: Final = {line.code: line.advice for line in docs_text.ERRORS}


async def show(services: Services, viewer: Viewer) -> None:
    frame.title(
        "Playground", "A real request as one of your keys: it counts, costs and is refused like any other."
    )
    own = await own_keys.working(services, viewer.account_id)
    if not services.catalog.models:
        with components.empty_card(
            "playground", "No models configured", "The operator lists them in the catalog."
        ):
            components.button("Look at the models", href="/models")
    elif not own:
        with components.empty_card(
            "keys",
            "No key to send with",
            "The playground sends as one of your keys. None of them works right now.",
        ):
            components.button("Create key", icon="plus", href="/app/keys")
    else:
        _Page(services, viewer, own).draw()


class _Page:
    def __init__(self, services: Services, viewer: Viewer, own: list[ApiKey]) -> None:
        self._services = services
        self._viewer = viewer
        self._own = own
        self._base_url = address.base_url(services, ui.context.client.request)
        self._reading: asyncio.Task[str] | None = None
        self._model = address.sample_model(services)
        self._fields: dict[str, Field] = {}
        self._request_id = ""

    def draw(self) -> None:
        with tag("div", "", "y-page"):
            with tag("section", "", "s-card", aria_label="Request"):
                self._draw_form()
            self._answer = AnswerCard(on_gone=self._stop)
        with frame.card("The same request as code") as card:
            card.classes("y-code")
            self._code = LiveCode(("curl", "python", "javascript"), label="Language of the program")
        self._show_code(Asked(model=self._model, message=playground_form.example(self._model)))

    def _draw_form(self) -> None:
        offered = self._services.catalog.models
        longest = playground_form.LONGEST_TEXT
        with components.form(self._send, label="Request", longest=longest + 1, on_input=self._typed) as form:
            set_attributes(form, data_kept=f"playground {self._viewer.email}", data_sends="")
            with tag("div", "", "y-pair"):
                self._fields["model"] = components.choice(
                    "Model", {model: self._named(model) for model in offered}, name="model", value=self._model
                )
                self._fields["key"] = components.choice(
                    "Key",
                    {key.public_id: f"{key.name} …{key.last4}" for key in self._own},
                    name="key",
                )
            self._fields["system"] = components.text_area(
                "System message",
                name="system",
                rows=2,
                placeholder="Optional: how the model should behave",
                maxlength=longest,
            )
            self._fields["message"] = components.text_area(
                "Message",
                name="message",
                rows=6,
                value=playground_form.example(self._model),
                maxlength=longest,
            )
            with tag("div", "", "y-pair"):
                self._fields["temperature"] = components.field(
                    "Temperature", name="temperature", placeholder="Model's own", inputmode="decimal"
                )
                self._fields["max_tokens"] = components.field(
                    "Max tokens", name="max_tokens", placeholder="Model's own", inputmode="numeric"
                )
            with tag("div", "", "s-buttons"):
                self._send_button = components.button("Send", icon="arrow", is_submit=True)
                self._stop_button = components.button(
                    "Stop", kind="danger-plain", icon="stop", on_click=self._stop
                )
                self._stop_button.visible = False
                components.button("Use the example", kind="quiet", on_click=self._use_example)
            tag("p", _KEPT, "s-help")

    def _named(self, model: str) -> str:
        return model if self._services.is_available(model) else f"{model} (not connected)"

    async def _typed(self, values: dict[str, str]) -> None:
        try:
            asked = playground_form.read(values)
        except BadField:
            return  # said when it is sent
        self._model = asked.model
        self._show_code(asked)

    def _show_code(self, asked: Asked) -> None:
        self._code.show(playground_form.programs(asked, base_url=self._base_url))

    def _use_example(self) -> None:
        text = playground_form.example(self._model)
        ui.run_javascript(f"starscoo.fill({self._fields['message'].input.id}, {json.dumps(text)})")

    def _stop(self) -> None:
        """The reader leaves, which the gateway notices: the request is metered with what had arrived."""
        if self._reading is not None:
            self._reading.cancel()

    async def _send(self, values: dict[str, str]) -> None:
        viewer = await login.still(self._services, self._viewer)
        for field in self._fields.values():
            field.accept()
        try:
            asked = playground_form.read(values)
            key = await self._services.database.read(keys.get, viewer.account_id, values.get("key", ""))
        except BadField as bad:
            self._fields[bad.field].refuse(str(bad))
            return
        except NoSuchKey:
            self._fields["key"].refuse("There is no such key. Choose another one.")
            return
        self._model = asked.model
        self._show_code(asked)
        await self._run(key, asked)

    async def _run(self, key: ApiKey, asked: Asked) -> None:
        self._request_id = ""
        self._answer.start()
        self._is_running(True)
        self._reading = asyncio.create_task(self._read(key, asked), name="playground")
        try:
            await self._show_end(await self._finished(self._reading))
        finally:
            self._is_running(False)

    async def _finished(self, reading: asyncio.Task[str]) -> str:
        """The finish reason, empty for an answer that was stopped."""
        try:
            return await reading
        except asyncio.CancelledError:
            if not reading.cancelled():
                raise  # this page's own end
            return ""
        finally:
            self._reading = None

    def _is_running(self, is_running: bool) -> None:
        if not self._stop_button.is_deleted:
            self._send_button.visible = not is_running
            self._stop_button.visible = is_running
            shown = self._stop_button if is_running else self._send_button
            shown.client.run_javascript(f"starscoo.keepFocus({shown.id})")

    async def _read(self, key: ApiKey, asked: Asked) -> str:
        """Until the answer ends; its finish reason."""
        try:
            async with aclosing(self._services.own_requests.stream(key, asked.body())) as happenings:
                async for happening in happenings:
                    if isinstance(happening, Ended):
                        return happening.finish_reason
                    self._tell(happening)
        except httpx.TransportError:
            log.warning("A request of the playground broke off", exc_info=True)
            self._answer.fail("This server could not reach its own gateway.", advice="Try again.", facts={})
        finally:
            self._answer.words.flush()
        return ""

    def _tell(self, happening: Happening) -> None:
        if isinstance(happening, Began):
            self._request_id = happening.request_id
        elif isinstance(happening, Piece):
            self._answer.say("note", "Thinking" if happening.is_thought else "Streaming")
            self._answer.words.add(happening.text, is_thought=happening.is_thought)
        elif isinstance(happening, Refused):
            self._answer.fail(
                happening.message,
                advice=_ADVICE.get(happening.code, ""),
                facts={
                    "Status": str(happening.status or ""),
                    "Code": happening.code,
                    "Field": happening.param or "",
                    "Request": happening.request_id,
                },
            )
            self._request_id = ""

    async def _show_end(self, finish_reason: str) -> None:
        if not self._request_id or self._stop_button.is_deleted:
            return
        row = await self._row(self._request_id)
        if row is not None and not self._stop_button.is_deleted:
            self._answer.finish(row, finish_reason)

    async def _row(self, request_id: str) -> RequestRow | None:
        """A finished answer is in the ledger already; of one that was stopped the gateway hears a moment later."""
        for _ in range(_ROW_TRIES):
            row = await self._services.database.read(outcomes.of, self._viewer.account_id, request_id)
            if row is not None:
                return row
            await asyncio.sleep(_ROW_PAUSE_S)
        return None

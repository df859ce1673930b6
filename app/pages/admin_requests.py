"""/app/admin/requests: what customers have asked more of, granted or declined with a reason that they read."""

from typing import Final

from markupsafe import Markup

from app import components, frame, words
from app.binding import bind_now
from app.components import Column, ladder, numbers, override_form, tag
from app.components.override_form import Unclear
from app.notices_by_mail import tell_limit_changed
from app.pages import admin_frame, limits_asks, limits_view
from app.pages.admin_frame import staff
from app.pages.admin_preview import Preview
from app.services import Services
from models import asks, limits
from models.asks import AskLine
from models.database import Refused
from models.limits import SHORTEST_REASON
from models.logins import Viewer

_WAITING_COLUMNS: Final = (
    Column("Customer", is_name=True),
    *("Limit", "Has → wants", "What for", "Asked"),
    Column("Act", is_title_hidden=True),
)
_DECIDED_COLUMNS: Final = (
    Column("Customer", is_name=True),
    *("Limit", "Had → wanted"),
    Column("State", is_state=True),
    *("Answer", "By", "When"),
)


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot."""
    if not viewer.is_admin:
        admin_frame.missing()
        return
    page = _Requests(services, viewer)
    frame.title(
        "Requests for more", "What customers have asked for. They read your answer on their Limits page."
    )
    page.frame()
    await page.load()


class _Requests:
    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services = services
        self._viewer = viewer
        self._waiting: list[AskLine] = []
        self._decided: list[AskLine] = []
        self._has_more = {"waiting": False, "decided": False}

    def frame(self) -> None:
        self._tabs = tag("div")
        self._content = tag("div", "", "s-stack")
        self._dialog = components.dialog(is_wide=True)

    async def load(self) -> None:
        self._waiting = await self._page("waiting")
        self._decided = await self._page("decided")
        self._tabs.clear()
        with self._tabs:
            await admin_frame.tabs(self._services, "/app/admin/requests")
        self._draw()

    async def _page(
        self, which: asks.Which, *, before_id: int | None = None, after_id: int | None = None
    ) -> list[AskLine]:
        found = await self._services.database.read(
            asks.listing, which, now=self._services.now(), before_id=before_id, after_id=after_id
        )
        self._has_more[which] = len(found) == asks.PAGE
        return found

    def _draw(self) -> None:
        now = self._services.now()
        self._content.clear()
        with self._content:
            if not self._waiting:
                with components.empty_card(
                    "check", "Nothing waits", "Every request for more has its answer."
                ):
                    pass
            else:
                with frame.card("Waiting", is_flush=True):
                    rows = [_waiting_row(line, now) for line in self._waiting]
                    components.table(
                        _WAITING_COLUMNS, rows, caption="Waiting requests, longest first", on_act=self._act
                    )
                    if self._has_more["waiting"]:
                        with tag("div", "", "lim-more"):
                            components.button("Show newer ones", kind="plain", on_click=self._more_waiting)
            if self._decided:
                with frame.card("Decided", is_flush=True):
                    rows = [_decided_row(line, now) for line in self._decided]
                    components.table(_DECIDED_COLUMNS, rows, caption="Decided requests, newest first")
                    if self._has_more["decided"]:
                        with tag("div", "", "lim-more"):
                            components.button("Show older ones", kind="plain", on_click=self._more_decided)

    async def _more_waiting(self) -> None:
        self._waiting += await self._page("waiting", after_id=self._waiting[-1].ask.id)
        self._draw()

    async def _more_decided(self) -> None:
        self._decided += await self._page("decided", before_id=self._decided[-1].ask.id)
        self._draw()

    async def _act(self, act: str, ask_id: str) -> None:
        line = next((line for line in self._waiting if str(line.ask.id) == ask_id), None)
        if line is None:
            return
        if act == "grant":
            await self._open_grant(line)
        elif act == "decline":
            self._open_decline(line)

    async def _open_grant(self, line: AskLine) -> None:
        name = limits.known(line.ask.limit_name)
        preview = Preview(self._services, line.ask.account_id, None)
        fields: dict[str, components.Field] = {}

        async def grant(values: dict[str, str]) -> None:
            for field in fields.values():
                field.accept()
            try:
                await self._grant(line, values)
            except Unclear as problem:
                fields.get(problem.field, fields["value"]).refuse(str(problem))
            except Refused as reason:
                fields["value"].refuse(str(reason))

        async def follow(values: dict[str, str]) -> None:
            try:
                wanted = numbers.parse(values.get("value", ""))
            except numbers.NotANumber:
                return
            drawn = await preview.of(name, line.current, wanted)
            if not shown.is_deleted:
                shown.set_content(str(drawn))

        first = await preview.of(name, line.current, line.ask.wanted)
        with self._dialog.filled(f"Grant {ladder.NAMES[name].lower()} to {line.email}"):
            components.html(_asked(line), "a-asked")
            with components.form(grant, label="Grant", on_input=follow):
                with tag("div", "", "s-grid2"):
                    fields["value"] = components.field(
                        "Value",
                        name="value",
                        value=words.exact(line.ask.wanted),
                        help=f"Now {ladder.worded(name, line.current)}.",
                    )
                    fields["until"] = override_form.end_field()
                fields["reason"] = override_form.reason_field()
                shown = components.html(first, "a-preview-box")
                shown.props.update({"role": "status", "aria-label": "Preview"})
                with tag("div", "", "s-buttons s-end"):
                    components.cancel_button()
                    components.button("Grant", is_submit=True)

    def _open_decline(self, line: AskLine) -> None:
        async def decline(values: dict[str, str]) -> None:
            field.accept()
            try:
                await self._decline(line, values.get("reason", ""))
            except Refused as reason:
                field.refuse(str(reason))

        with self._dialog.filled(f"Decline the request of {line.email}"):
            components.html(_asked(line), "a-asked")
            with components.form(decline, label="Decline"):
                field = override_form.reason_field()
                with tag("div", "", "s-buttons s-end"):
                    components.cancel_button()
                    components.button("Decline", is_submit=True, kind="danger")

    async def _grant(self, line: AskLine, values: dict[str, str]) -> None:
        """Raises what is refused."""
        try:
            value = numbers.parse(values.get("value", ""))
        except numbers.NotANumber as problem:
            raise Unclear("value", str(problem)) from None
        reason = values.get("reason", "").strip()
        if len(reason) < SHORTEST_REASON:
            raise Unclear("reason", f"Write {SHORTEST_REASON} characters or more; the customer reads them.")
        viewer = await staff(self._services, self._viewer)
        change = await self._services.database.run(
            asks.grant,
            line.ask.account_id,
            line.ask.id,
            value,
            until=override_form.until(values.get("until", "")),
            reason=reason,
            actor=viewer.email,
            address=admin_frame.address(),
            now=self._services.now(),
        )
        await bind_now(self._services, line.ask.account_id)
        said = limits_view.changed(limits.known(line.ask.limit_name), change)
        await self._decided_now(f"Granted: {said}, from the next request")
        await tell_limit_changed(
            self._services,
            line.ask.account_id,
            limits.known(line.ask.limit_name),
            change,
            reason=reason,
            until=override_form.until(values.get("until", "")),
        )

    async def _decline(self, line: AskLine, reason: str) -> None:
        """Raises what is refused."""
        viewer = await staff(self._services, self._viewer)
        await self._services.database.run(
            asks.decline,
            line.ask.account_id,
            line.ask.id,
            reason=reason,
            actor=viewer.email,
            address=admin_frame.address(),
            now=self._services.now(),
        )
        await bind_now(self._services, line.ask.account_id)
        await self._decided_now("Declined")

    async def _decided_now(self, said: str) -> None:
        with self._content:  # closing the dialog deletes the form in which this handler began
            await self.load()
            self._dialog.close()
            components.toast(said)


def _asked(line: AskLine) -> Markup:
    return Markup('{} <span dir="auto">“{}”</span>').format(
        limits_asks.had_and_wanted(line.ask), line.ask.why
    )


def _who(line: AskLine) -> Markup:
    return Markup('<a class="s-clip" href="/app/admin/c/{0}" title="{1}">{1}</a>').format(
        line.ask.account_id, line.email
    )


def _waiting_row(line: AskLine, now: int) -> tuple[Markup | str, ...]:
    one, name = line.ask, limits.known(line.ask.limit_name)
    ask_id = str(one.id)
    return (
        _who(line),
        ladder.NAMES[name],
        Markup('<span class="s-figures">{} → {}</span>').format(
            ladder.worded(name, line.current), ladder.worded(name, one.wanted)
        ),
        admin_frame.long(one.why),
        Markup('<span class="lim-when">{}</span>').format(words.ago(one.asked_at, now)),
        limits_view.in_row(
            components.act("grant", ask_id, "Grant", label=f"Grant the request of {line.email}"),
            components.act("decline", ask_id, "Decline", label=f"Decline the request of {line.email}"),
        ),
    )


def _decided_row(line: AskLine, now: int) -> tuple[Markup | str, ...]:
    one = line.ask
    answer = ". ".join(part for part in (limits_asks.granted(one), f"“{one.answer}”") if part)
    return (
        _who(line),
        ladder.NAMES[limits.known(one.limit_name)],
        limits_asks.had_and_wanted(one),
        limits_asks.state(one),
        admin_frame.long(answer),
        components.clipped(one.decided_by),
        Markup('<span class="lim-when">{}</span>').format(words.ago(one.decided_at, now)),
    )

"""Asking for more, on the owner's page: the dialog, and what became of each request."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, cast

from markupsafe import Markup

from app import components, frame, login, words
from app.components import Column, ladder, numbers, tag
from app.pages import limits_view
from app.pages.limits_view import View
from app.services import Services
from models import asks, limits
from models.asks import Ask
from models.database import Refused
from models.limits import LONGEST_REASON, SHORTEST_REASON
from models.live import Limit
from models.logins import Viewer

STATES: Final[dict[str, tuple[components.PillKind, str]]] = {
    "asked": ("note", "Asked"),
    "granted": ("good", "Granted"),
    "declined": ("bad", "Declined"),
    "withdrawn": ("plain", "Withdrawn"),
}


class Asks:
    """One per page. `on_change` draws the page anew."""

    def __init__(
        self, services: Services, viewer: Viewer, *, on_change: Callable[[], Awaitable[None]]
    ) -> None:
        self._services = services
        self._viewer = viewer
        self._on_change = on_change
        self._dialog = components.dialog()

    def draw(self, view: View) -> None:
        """The card with what was asked for; nothing while nothing ever was."""
        if not view.whole.asks:
            return
        with frame.card("Requests for more", is_flush=True):
            columns = (
                Column("Limit", is_name=True),
                "Had → wanted",
                Column("State", is_state=True),
                "Answer",
                "When",
                Column("Act", is_title_hidden=True),
            )
            components.table(
                columns,
                [_row(one, view.now) for one in view.whole.asks],
                caption="Requests for more, newest first",
                on_act=self._act,
            )

    async def open(self, limit_name: str = "") -> None:
        view = await limits_view.read(self._services, self._viewer.account_id, keys_shown=0)
        names = limits_view.may_ask(view.overview.ladders)
        if not names:
            components.toast("This account has no limit to ask more of.", "bad")
            return
        held = {name: view.overview.ladders[name].value for name in names}

        async def send(values: dict[str, str]) -> None:
            for field in (wanted, why):
                field.accept()
            try:
                value = numbers.parse(values.get("wanted", ""))
            except numbers.NotANumber as problem:
                wanted.refuse(str(problem))
                return
            if len(limits.one_line(values.get("why", ""))) < SHORTEST_REASON:
                why.refuse(f"Write {SHORTEST_REASON} characters or more: staff decides by it.")
                return
            try:
                await self._send(values.get("name", ""), value, values["why"])
            except Refused as reason:
                wanted.refuse(str(reason))

        with self._dialog.filled("Ask for more"):
            tag("p", "Staff of this server decides. You see the answer on this page.", "s-quiet")
            with components.form(send, label="Ask for more"):
                options: dict[str, str] = {
                    name: f"{word}, now {ladder.worded(name, held[name])}" for name, word in names.items()
                }
                components.choice("Limit", options, name="name", value=limit_name)
                wanted = components.field("Wanted", name="wanted", help="A number such as 5,000, 20k or 50M.")
                why = components.text_area(
                    "What for",
                    name="why",
                    rows=3,
                    help=f"{SHORTEST_REASON} characters or more.",
                    maxlength=str(LONGEST_REASON),
                )
                with tag("div", "", "s-buttons s-end"):
                    components.cancel_button()
                    components.button("Send request", is_submit=True)

    async def _send(self, limit_name: str, wanted: int, why: str) -> None:
        """Raises what `asks.ask` refuses."""
        viewer = await login.still(self._services, self._viewer)
        name = cast(Limit, limit_name)  # checked by the operation
        await self._services.database.run(
            asks.ask, viewer.account_id, name, wanted, why=why, actor=viewer.email, now=self._services.now()
        )
        await self._on_change()
        self._dialog.close()
        components.toast("Asked. The answer will stand on this page.")

    async def _act(self, _: str, ask_id: str) -> None:
        viewer = await login.still(self._services, self._viewer)
        try:
            await self._services.database.run(
                asks.withdraw,
                viewer.account_id,
                int(ask_id) if ask_id.isascii() and ask_id.isdigit() and len(ask_id) < 10 else 0,
                actor=viewer.email,
                now=self._services.now(),
            )
        except Refused as reason:
            components.toast(str(reason), "bad")
        else:
            components.toast("Withdrawn")
        await self._on_change()


def had_and_wanted(one: Ask) -> Markup:
    name = limits.known(one.limit_name)
    return Markup('<span class="s-figures">{} → {}</span>').format(
        ladder.worded(name, one.held), ladder.worded(name, one.wanted)
    )


def state(one: Ask) -> Markup:
    kind, word = STATES[one.state]
    return components.pill(kind, word)


def granted(one: Ask) -> str:
    """What was granted, until when: empty unless it was."""
    if one.granted is None:
        return ""
    end = f" until {words.utc_day(one.until)}" if one.until else ""
    return f"{ladder.worded(limits.known(one.limit_name), one.granted)}{end}"


def _row(one: Ask, now: int) -> Sequence[Markup | str]:
    acts = components.act("withdraw", str(one.id), "Withdraw", label="Withdraw this request for more")
    answer = ". ".join(part for part in (granted(one), one.answer and f"“{one.answer}”") if part)
    return (
        ladder.NAMES[limits.known(one.limit_name)],
        had_and_wanted(one),
        state(one),
        Markup('<span class="a-long" dir="auto">{}</span>').format(answer or "–"),
        Markup('<span class="lim-when">{}</span>').format(words.ago(one.decided_at or one.asked_at, now)),
        limits_view.in_row(acts) if one.state == "asked" else Markup(""),
    )

"""The form in which staff overrides a limit of an account or of a key, up or down, with a reason and an end, and sees
while filling it in what the new value would have meant.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, cast, get_args

from markupsafe import Markup

from app import components
from app.components import ladder as ladders
from app.components import numbers, tag
from models.database import Refused
from models.limits import SHORTEST_REASON, Conflict
from models.limits_overview import Ladders
from models.live import Limit

Act = Literal["set", "unlimited", "remove"]
_ACTS: Final = {
    "set": "Set a value",
    "unlimited": "No limit at all",
    "remove": "Remove the override",
}
Preview = Callable[[Limit, int | None, int | None], Awaitable[Markup]]
"""Of a limit, its value now and the one that is wanted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What staff wants. `value` counts for `set` alone; `until` is Unix seconds, None for no end."""

    name: Limit
    act: Act
    value: int | None
    reason: str
    until: int | None


class Unclear(Refused):
    """What was typed cannot be used; `field` is its place in the form."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def parse(values: dict[str, str]) -> Asked:
    """Raises `Unclear`. The end is the last day in force: it holds until that day's midnight in UTC."""
    name, act, value = _wanted(values)
    reason = values.get("reason", "").strip()
    if len(reason) < SHORTEST_REASON:
        raise Unclear("reason", f"Write {SHORTEST_REASON} characters or more; the customer reads them.")
    return Asked(name, act, value, reason, until(values.get("until", "")))


def until(text: str) -> int | None:
    """The midnight after that day, `2027-01-31`, in UTC; None for an empty text. Raises `Unclear`."""
    if not text.strip():
        return None
    try:
        last = date.fromisoformat(text.strip())
    except ValueError:
        raise Unclear("until", "Write the day as year-month-day, for example 2027-01-31.") from None
    if last.year > 9000:
        raise Unclear("until", "Leave the day out for an override without an end.")
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    return int(end.timestamp())


def end_field() -> components.Field:
    return components.field("Last day, UTC", name="until", type="date", help="Empty: no end.")


def reason_field() -> components.Field:
    return components.field(
        "Reason", name="reason", help=f"{SHORTEST_REASON} characters or more; the customer reads them."
    )


class Form:
    """Draws itself into the current slot. `save` gets what is wanted and the ladders that were shown; what it refuses
    is shown at its field, and after a conflict the ladders are those of `look_again`."""

    def __init__(
        self,
        steps: Ladders,
        *,
        allows_unlimited: bool,
        save: Callable[[Asked, Ladders], Awaitable[None]],
        preview: Preview,
        look_again: Callable[[], Awaitable[Ladders]],
    ) -> None:
        self._steps = steps
        self._save = save
        self._preview = preview
        self._look_again = look_again
        self._fields: dict[str, components.Field] = {}
        self._name = next(iter(steps))
        acts = {act: word for act, word in _ACTS.items() if act != "unlimited" or allows_unlimited}
        with components.form(self._submit, label="Override", on_input=self._show_preview):
            with tag("div", "", "s-grid2"):
                components.choice("Limit", {name: ladders.NAMES[name] for name in steps}, name="name")
                components.choice("What to do", acts, name="act")
            self._ladder = components.html(Markup(""))
            self._draw_ladder()
            with tag("div", "", "s-grid2"):
                self._fields["value"] = components.field(
                    "Value", name="value", help="A number such as 5,000, 20k or 50M."
                )
                self._fields["until"] = end_field()
            self._fields["reason"] = reason_field()
            self._shown = components.html(_HINT, "a-preview-box")
            self._shown.props.update({"role": "status", "aria-label": "Preview"})
            with tag("div", "", "s-buttons s-end"):
                components.cancel_button()
                components.button("Save override", is_submit=True)

    async def _submit(self, values: dict[str, str]) -> None:
        for field in self._fields.values():
            field.accept()
        try:
            await self._save(parse(values), self._steps)
        except Unclear as problem:
            self._fields.get(problem.field, self._fields["value"]).refuse(str(problem))
        except Conflict as conflict:
            await self._replace_ladders()
            self._fields["value"].refuse(f"{conflict} Save again to replace it.")
        except Refused as refusal:
            self._fields["value"].refuse(str(refusal))

    async def _replace_ladders(self) -> None:
        self._steps = await self._look_again()
        self._draw_ladder()

    def _draw_ladder(self) -> None:
        """Of the limit that is chosen."""
        drawn = ladders.render(self._name, self._steps[self._name], shows_author=True)
        self._ladder.set_content(str(drawn))

    async def _show_preview(self, values: dict[str, str]) -> None:
        chosen = next((name for name in self._steps if name == values.get("name")), self._name)
        if chosen != self._name:
            self._name = chosen
            self._draw_ladder()
        try:
            name, act, value = _wanted(values)
        except Unclear:
            self._shown.set_content(str(_HINT))
            return
        rungs = self._steps[name].rungs
        new = {"set": value, "unlimited": None, "remove": rungs[-2].value}[act]
        drawn = await self._preview(name, rungs[-1].value, new)
        if not self._shown.is_deleted:
            self._shown.set_content(str(drawn))


_HINT: Final = Markup('<p class="lim-note">{}</p>').format(
    "Once there is a value, this shows what it would have meant in the last 30 days."
)


def _wanted(values: dict[str, str]) -> tuple[Limit, Act, int | None]:
    name, act = values.get("name", ""), values.get("act", "")
    if name not in get_args(Limit) or act not in get_args(Act):
        raise Unclear("", "Choose a limit and what to do with it.")
    value = None
    if act == "set":
        try:
            value = numbers.parse(values.get("value", ""))
        except numbers.NotANumber as problem:
            raise Unclear("value", str(problem)) from None
    return cast(Limit, name), cast(Act, act), value

"""The form in which staff overrides a limit of an account or of a key, up or down, with a reason and an end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, cast, get_args

from app import components
from app.components import ladder as ladders
from app.components import limit_form, tag
from models.database import Refused
from models.limits import SHORTEST_REASON
from models.limits_overview import Ladders
from models.live import Limit

Act = Literal["set", "unlimited", "remove"]
_ACTS: Final = {
    "set": "Set a value",
    "unlimited": "No limit at all",
    "remove": "Remove the override",
}


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
    name, act = values.get("name", ""), values.get("act", "")
    if name not in get_args(Limit) or act not in get_args(Act):
        raise Unclear("", "Choose a limit and what to do with it.")
    reason = values.get("reason", "").strip()
    value = None
    if act == "set":
        try:
            value = limit_form.parse(values.get("value", ""))
        except limit_form.NotANumber as problem:
            raise Unclear("value", str(problem)) from None
    if len(reason) < SHORTEST_REASON:
        raise Unclear("reason", f"Write {SHORTEST_REASON} characters or more; the customer reads them.")
    return Asked(cast(Limit, name), cast(Act, act), value, reason, _until(values.get("until", "").strip()))


def draw(steps: Ladders, *, allows_unlimited: bool, save: Callable[[Asked], Awaitable[None]]) -> None:
    """What `save` refuses is shown in the form."""
    fields: dict[str, components.Field] = {}

    async def submit(values: dict[str, str]) -> None:
        for field in fields.values():
            field.accept()
        try:
            await save(parse(values))
        except Unclear as problem:
            fields.get(problem.field, fields["value"]).refuse(str(problem))
        except Refused as refusal:
            fields["value"].refuse(str(refusal))

    with tag("div", "", "s-grid2"):
        for name, ladder in steps.items():
            with tag("div", "", "lim-form"):
                tag("h3", ladders.NAMES[name])
                components.html(ladders.render(name, ladder, shows_author=True))
    acts = {act: word for act, word in _ACTS.items() if act != "unlimited" or allows_unlimited}
    with components.form(submit, label="Override"):
        with tag("div", "", "s-grid2"):
            components.choice("Limit", {name: ladders.NAMES[name] for name in steps}, name="name")
            components.choice("What to do", acts, name="act")
            fields["value"] = components.field("Value", name="value", inputmode="numeric")
            fields["until"] = components.field(
                "Last day, UTC", name="until", type="date", help="Empty: no end."
            )
        fields["reason"] = components.field(
            "Reason", name="reason", help=f"{SHORTEST_REASON} characters or more; the customer reads them."
        )
        with tag("div", "", "s-buttons s-end"):
            components.cancel_button()
            components.button("Save override", is_submit=True)


def _until(text: str) -> int | None:
    if not text:
        return None
    try:
        last = date.fromisoformat(text)
    except ValueError:
        raise Unclear("until", "Write the day as year-month-day, for example 2027-01-31.") from None
    if last.year > 9000:
        raise Unclear("until", "Leave the day out for an override without an end.")
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
    return int(end.timestamp())

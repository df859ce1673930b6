"""The forms in the dialogs of keys: what is asked, checked and shown at the field when it is refused."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from markupsafe import Markup

from app import components
from app.components import tag
from models.database import Refused
from models.keys import LONGEST_NAME
from models.windows import DAY

_MODEL: Final = "model:"
_ON_A_DAY: Final = "day"
_WHENS: Final = {
    "never": "Never",
    "7": "In 7 days",
    "30": "In 30 days",
    "90": "In 90 days",
    "365": "In 365 days",
    _ON_A_DAY: "After a day of my choice",
}


class BadDay(Refused):
    def __init__(self) -> None:
        super().__init__("Choose a day, for example 2027-01-31.")


def name(save: Callable[[str], Awaitable[None]], *, value: str, button: str) -> None:
    async def submit(values: dict[str, str]) -> None:
        field.accept()
        try:
            await save(values.get("name", ""))
        except Refused as reason:
            field.refuse(str(reason))

    with components.form(submit, label=button):
        field = components.field(
            "Name",
            name="name",
            value=value,
            placeholder="Production, Anna's laptop",
            help="For you to tell keys apart.",
            maxlength=str(LONGEST_NAME),
            is_focused=True,
        )
        _buttons(button)


def overlap(save: Callable[[int], Awaitable[None]], choices: Mapping[str, str], *, value: str) -> None:
    """How long the old secret stays, in seconds -> words."""

    async def submit(values: dict[str, str]) -> None:
        field.accept()
        try:
            chosen = values.get("overlap", "")
            await save(int(chosen) if chosen in choices else -1)
        except Refused as reason:
            field.refuse(str(reason))

    with components.form(submit, label="Rotate key"):
        field = components.choice(
            "The old secret stays for",
            choices,
            name="overlap",
            value=value,
            help="Until then both work. Its page shows which of them is still used, and can end the old one early.",
        )
        _buttons("Rotate key")


def models(
    save: Callable[[list[str] | None], Awaitable[None]], *, offered: Sequence[str], allowed: Collection[str]
) -> None:
    """All models, or those that are ticked. One that is allowed and no longer offered is listed too."""

    async def submit(values: dict[str, str]) -> None:
        complaint.visible = False
        ticked = [each.removeprefix(_MODEL) for each in values if each.startswith(_MODEL)]
        try:
            await save(None if values.get("which") == "all" else ticked)
        except Refused as reason:
            complaint.text, complaint.visible = str(reason), True

    gone = sorted(set(allowed) - set(offered))
    with components.form(submit, label="Models"):
        with tag("fieldset", "", "k-choices"):
            tag("legend", "This key may ask for", "s-label")
            components.html(_tick("radio", "which", "all", "All models, also those added later", not allowed))
            components.html(_tick("radio", "which", "some", "Only these", bool(allowed)))
            ticks = [_tick("checkbox", _MODEL + each, "1", each, each in allowed) for each in offered]
            ticks += [
                _tick("checkbox", _MODEL + each, "1", f"{each} (not offered now)", True) for each in gone
            ]
            components.html(Markup("").join(ticks), "k-some")
        complaint = tag("p", "", "s-error", role="alert")
        complaint.visible = False
        tag("p", "A model that is not allowed answers 404 for this key.", "s-help")
        _buttons("Save models")


def expiry(save: Callable[[int | None], Awaitable[None]], *, current: int | None, now: int) -> None:
    async def submit(values: dict[str, str]) -> None:
        field.accept()
        try:
            await save(_end_of(values.get("when", ""), values.get("day", ""), now))
        except Refused as reason:
            field.refuse(str(reason))

    today = datetime.fromtimestamp(now, UTC).date()
    last_day = datetime.fromtimestamp((current or now) - 1, UTC).date()
    with components.form(submit, label="Expiry").classes("k-expiry"):
        when = "never" if current is None else _ON_A_DAY
        components.choice("The key expires", _WHENS, name="when", value=when)
        field = components.field(
            "Last day",
            name="day",
            type="date",
            value=last_day.isoformat() if current else (today + timedelta(30)).isoformat(),
            help="It works until the end of this day, in UTC.",
            min=today.isoformat(),
        ).classes("k-day")
        tag(
            "p",
            "An expired key is refused with 401. A later day can be set at any time, also afterwards.",
            "s-help",
        )
        _buttons("Save expiry")


def revoke(save: Callable[[], Awaitable[None]], *, name: str) -> None:
    """With a name, that must be written first."""

    async def submit(values: dict[str, str]) -> None:
        if field and values.get("name", "").strip() != name:
            field.refuse("This is not the name of the key.")
            return
        await save()

    with components.form(submit, label="Revoke key"):
        field = components.field(f"Write “{name}” to confirm", name="name", is_focused=True) if name else None
        with tag("div", "", "s-buttons s-end"):
            components.cancel_button("Keep key")
            components.button("Revoke key", is_submit=True, kind="danger")


def _end_of(when: str, day: str, now: int) -> int | None:
    """The midnight in UTC after the last day; None for never. Raises `BadDay`."""
    if when == "never":
        return None
    if when.isdigit() and when in _WHENS:
        return now - now % DAY + (int(when) + 1) * DAY
    try:
        last = date.fromisoformat(day)
    except ValueError:
        raise BadDay from None
    if last.year > 9000:
        raise BadDay
    return int(datetime(last.year, last.month, last.day, tzinfo=UTC).timestamp()) + DAY


def _tick(kind: str, name: str, value: str, word: str, is_on: bool) -> Markup:
    return Markup(
        '<label class="k-tick"><input type="{}" name="{}" value="{}"{}><span>{}</span></label>'
    ).format(kind, name, value, Markup(" checked") if is_on else "", word)


def _buttons(word: str) -> None:
    with tag("div", "", "s-buttons s-end"):
        components.cancel_button()
        components.button(word, is_submit=True)

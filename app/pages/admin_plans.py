"""/app/admin/plans: the values that accounts inherit where nothing else is set, with how many do before saving."""

from functools import partial
from typing import Final

from markupsafe import Markup

from app import components, frame, words
from app.components import ladder, numbers, tag
from app.pages import admin_frame, limits_view
from app.pages.admin_frame import staff
from app.services import Services
from models import plans, verification
from models.database import Refused
from models.live import Limit
from models.logins import Viewer
from models.plans import FIXED, OF_SETTINGS, PlanLine

_SETTINGS: Final = (
    "STARSCOO_STARTER_HOURLY_REQUESTS",
    "STARSCOO_STARTER_MONTHLY_TOKENS",
    "STARSCOO_STARTER_CONCURRENT_REQUESTS",
)
_NAMES: Final = Markup(", ").join(Markup("<code>{}</code>").format(name) for name in _SETTINGS)


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot."""
    if not viewer.is_admin:
        admin_frame.missing()
        return
    frame.title("Plans", "What an account may use where nothing else is set for it.")
    await admin_frame.tabs(services, "/app/admin/plans")
    page = _Plans(services, viewer)
    page.frame()
    await page.load()


class _Plans:
    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services = services
        self._viewer = viewer

    def frame(self) -> None:
        self._saved = tag("div", "", "lim-saved", role="status")
        self._content = tag("div", "", "s-stack")
        self._dialog = components.dialog()

    async def load(self) -> None:
        lines = await self._services.database.read(plans.listing, now=self._services.now())
        self._content.clear()
        with self._content:
            for line in lines:
                title = Markup('<span class="s-quiet">{}</span>').format(
                    words.plural(line.accounts, "account")
                )
                with frame.card(line.plan.name.capitalize(), more=title):
                    if line.plan.name in FIXED:
                        tag(
                            "p",
                            "No limits, as its name says. Set limits on single accounts instead.",
                            "s-quiet",
                        )
                    else:
                        self._draw(line)

    def _draw(self, line: PlanLine) -> None:
        shown = plans.values_of(line.plan)
        fields: dict[Limit, components.Field] = {}

        async def check(values: dict[str, str]) -> None:
            wanted: dict[Limit, int | None] = {}
            for name, field in fields.items():
                field.accept()
                text = values.get(name, "").strip()
                try:
                    wanted[name] = numbers.parse(text) if text else None
                except numbers.NotANumber as problem:
                    field.refuse(str(problem))
                    return
            self._confirm(line, wanted)

        components.html(_source(line, self._services.now()), "a-source", "p")
        with components.form(check, label=f"Plan {line.plan.name.capitalize()}"):
            with tag("div", "", "s-grid3"):
                for name, value in shown.items():
                    fields[name] = components.field(
                        ladder.NAMES[name],
                        name=name,
                        value="" if value is None else words.exact(value),
                        placeholder="no limit",
                        help=f"{_inherits(line, name)} Empty: no limit.",
                    )
            with tag("div", "", "s-buttons"):
                components.button("Save plan", is_submit=True)
                if line.plan.edited_at is not None and line.plan.name in OF_SETTINGS:
                    components.button(
                        "Follow the settings again",
                        kind="plain",
                        on_click=partial(self._follow, line.plan.name),
                    )

    def _confirm(self, line: PlanLine, wanted: dict[Limit, int | None]) -> None:
        """What would change, and for how many, before anything does."""
        shown = plans.values_of(line.plan)
        changes = {name: value for name, value in wanted.items() if value != shown[name]}
        if not changes:
            components.toast("These are the values already.")
            return

        async def save(_: dict[str, str]) -> None:
            try:
                await self._save(line, wanted)
            except Refused as reason:
                refused.text, refused.visible = str(reason), True

        with self._dialog.filled(f"Change plan {line.plan.name.capitalize()}?"):
            rows = Markup("").join(
                Markup("<li><b>{}</b>: {} → {}. {}</li>").format(
                    ladder.NAMES[name],
                    ladder.worded(name, shown[name]),
                    ladder.worded(name, value),
                    _inherits(line, name),
                )
                for name, value in changes.items()
            )
            components.html(rows, "a-changes", "ul")
            tag("p", "It binds within a second. Values set on accounts and keys stay as they are.", "s-quiet")
            with components.form(save, label="Confirm"):
                refused = tag("p", "", "s-error", role="alert")
                refused.visible = False
                with tag("div", "", "s-buttons s-end"):
                    components.cancel_button()
                    components.button("Change plan", is_submit=True)

    async def _save(self, line: PlanLine, wanted: dict[Limit, int | None]) -> None:
        """Raises what `plans.edit` refuses."""
        viewer = await staff(self._services, self._viewer)
        changes = await self._services.database.run(
            plans.edit,
            line.plan.name,
            wanted,
            expected=plans.values_of(line.plan),
            actor=viewer.email,
            address=admin_frame.address(),
            now=self._services.now(),
        )
        said = "; ".join(limits_view.changed(name, change) for name, change in changes.items())
        await self._done(f"Plan {line.plan.name.capitalize()}: {said}")

    async def _follow(self, plan_name: str) -> None:
        try:
            viewer = await staff(self._services, self._viewer)
            await self._services.database.run(
                plans.follow_settings,
                plan_name,
                actor=viewer.email,
                address=admin_frame.address(),
                now=self._services.now(),
            )
        except Refused as reason:
            components.toast(str(reason), "bad")
            return
        await self._done(f"Plan {plan_name.capitalize()} takes the values of the settings at the next start")

    async def _done(self, said: str) -> None:
        with self._content:  # closing the dialog deletes the form in which this handler began
            await self.load()
            self._dialog.close()
        self._saved.clear()
        with self._saved:
            components.banner("good", f"{said}.")


def _inherits(line: PlanLine, name: Limit) -> str:
    inherit = line.inherit[name]
    others = line.accounts - inherit
    own = words.plural(others, "other has a value of its own", "others have values of their own")
    more = f" {own}." if others else ""
    return f"{words.plural(inherit, 'account inherits', 'accounts inherit')} it.{more}"


def _source(line: PlanLine, now: int) -> Markup:
    if line.plan.name == verification.UNVERIFIED:
        edited = (
            Markup(" Edited {} by {}.").format(
                words.ago(line.plan.edited_at, now), line.plan.edited_by or "staff"
            )
            if line.plan.edited_at is not None
            else Markup("")
        )
        return Markup(
            "For accounts whose email address is not confirmed yet. They move to Starter once it is.{}"
        ).format(edited)
    if line.plan.edited_at is None:
        return Markup("Set at each start of the server by the settings {}, until you save here.").format(
            _NAMES
        )
    return Markup(
        "Edited {} by {}. These values win over the settings {}, also after a restart, until the plan follows the "
        "settings again."
    ).format(words.ago(line.plan.edited_at, now), line.plan.edited_by or "staff", _NAMES)

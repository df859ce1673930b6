"""/app/admin/c/{id}: one customer: what binds him and where it comes from, overriding it and undoing that, suspending.

Every act is an operation of `models` that writes its audit row; what people should know of an act stays on the page.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup
from nicegui import ui

from app import components, frame, words
from app.binding import bind_now
from app.components import Column, key_limits, ladder, override_form, reset_link, tag
from app.components.override_form import Asked
from app.notices_by_mail import tell_limit_changed
from app.pages import admin_audit, admin_customers, admin_frame, limits_view
from app.pages.admin_frame import staff
from app.pages.admin_preview import Preview
from app.pages.limits_view import KEYS_PER_PAGE, View
from app.services import Services
from models import audit, customers, limits, undo
from models.accounts import NoSuchAccount
from models.audit import AuditRow
from models.database import Refused
from models.limits import Change, Override
from models.limits_overview import AccountLimits, KeyLimits, Ladders
from models.logins import Viewer

SHOWN_LINES: Final = 50


async def show(services: Services, viewer: Viewer) -> None:
    """The customer whose id ends the address. Draws into the current slot."""
    account_id = urlsplit(admin_frame.address_line()).path.rstrip("/").rpartition("/")[2]
    if not viewer.is_admin or not (account_id.isascii() and account_id.isdigit() and len(account_id) < 10):
        admin_frame.missing("There is no customer of this number.")
        return
    try:
        await _Customer(services, viewer, int(account_id)).load()
    except NoSuchAccount:
        admin_frame.missing("There is no customer of this number.")


class _Customer:
    def __init__(self, services: Services, viewer: Viewer, account_id: int) -> None:
        self._services = services
        self._viewer = viewer
        self._account_id = account_id
        self._keys_shown = KEYS_PER_PAGE
        self._content: ui.element | None = None

    async def load(self) -> None:
        """Raises `NoSuchAccount`."""
        database = self._services.database
        view = await self._read()
        overrides = await database.read(limits.history, self._account_id, SHOWN_LINES)
        lines = await database.read(audit.last, account_id=self._account_id, limit=SHOWN_LINES)
        suspension = None
        if view.overview.account.suspended_at is not None:
            suspension = await database.read(customers.suspension, self._account_id)
        if self._content is None:
            await self._frame(view.overview)
        assert self._content is not None
        self._head.clear()
        with self._head:
            self._draw_head(view, suspension, has_override=_has_override(overrides, view.now))
        self._content.clear()
        with self._content:
            components.html(limits_view.account_cards(view, shows_author=True), "s-stack")
            with frame.card("Keys", is_flush=bool(view.overview.keys)):
                self._draw_keys(view)
            with frame.card("Overrides", is_flush=bool(overrides)):
                self._draw_overrides(overrides, view)
            with frame.card("Last refusals", is_flush=bool(view.whole.refused)):
                _draw_refusals(view)
            with frame.card("Audit", is_flush=bool(lines), more=_whole_trail(self._account_id)):
                if lines:
                    admin_audit.draw(lines)
                else:
                    tag("p", "Nothing has been changed yet.", "s-quiet")

    async def _read(self) -> View:
        return await limits_view.read(self._services, self._account_id, keys_shown=self._keys_shown)

    async def _frame(self, overview: AccountLimits) -> None:
        account = overview.account
        with frame.title(account.email, f"Account {account.id}, since {words.utc_day(account.created_at)}"):
            self._acts = tag("div", "", "s-actions")
        with self._acts:
            components.button("Make a reset link", kind="plain", on_click=self._make_reset_link)
            components.button("Override account", kind="plain", on_click=self._open_account)
            self._state_button = tag("div")
        await admin_frame.tabs(self._services, "/app/admin")
        self._head = tag("div", "", "a-head")
        self._content = tag("div", "", "s-stack")
        self._dialog = components.dialog(is_wide=True)

    def _draw_head(self, view: View, suspension: AuditRow | None, *, has_override: bool) -> None:
        account = view.overview.account
        is_suspended, is_deleted = account.suspended_at is not None, account.deleted_at is not None
        marks = admin_customers.marks(account.plan, is_admin=account.is_admin, has_override=has_override)
        components.html(admin_customers.state(account) + marks, "s-line")
        if suspension is not None:
            components.banner(
                "bad",
                Markup(
                    'Suspended {} by {}: <span dir="auto">“{}”</span> Keys and logins do not work.'
                ).format(words.ago(suspension.at, view.now), suspension.actor, suspension.reason),
            )
        self._state_button.clear()
        self._acts.visible = not is_deleted
        with self._state_button:
            word = "Resume" if is_suspended else "Suspend"
            components.button(
                word,
                kind="plain" if is_suspended else "danger-plain",
                on_click=partial(self._ask_state, is_suspended=is_suspended),
                mark=f"{word} account",
            )

    def _draw_keys(self, view: View) -> None:
        if not view.overview.keys:
            tag("p", "This account has no key.", "s-quiet")
            return
        rows = [
            (
                *limits_view.key_cells(view, one),
                limits_view.in_row(
                    components.act(
                        "override",
                        one.key.public_id,
                        "Override",
                        label=f"Override the limits of {one.key.name}",
                    )
                ),
            )
            for one in view.shown_keys
        ]
        columns = (*limits_view.KEY_COLUMNS, Column("Act", is_title_hidden=True))
        components.table(columns, rows, caption="Limits of each key", on_act=self._open_key)
        if len(rows) < len(view.overview.keys):
            with tag("div", "", "lim-more"):
                tag("span", f"{len(rows)} of {len(view.overview.keys)} keys", "s-quiet")
                components.button("Show more keys", kind="plain", on_click=self._more_keys)

    async def _more_keys(self) -> None:
        self._keys_shown += KEYS_PER_PAGE
        await self.load()

    def _draw_overrides(self, overrides: Sequence[Override], view: View) -> None:
        if not overrides:
            tag("p", "Nothing was ever overridden here.", "s-quiet")
            return
        columns = (
            Column("For", is_name=True),
            *("Value", "By", "Reason", "Set", "Ends"),
            Column("Act", is_title_hidden=True),
        )
        components.table(
            columns,
            [_override_row(row, view) for row in overrides],
            caption="Overrides, newest first",
            on_act=self._undo,
        )

    async def _make_reset_link(self) -> None:
        try:
            viewer = await staff(self._services, self._viewer)
            await reset_link.show(self._services, self._dialog, viewer, self._account_id)
        except Refused as reason:
            components.toast(str(reason), "bad")

    async def _open_account(self) -> None:
        view = await self._read()
        with self._dialog.filled(f"Override {view.overview.account.email}"):
            override_form.Form(
                view.overview.ladders,
                allows_unlimited=True,
                save=self._save_account,
                preview=Preview(self._services, self._account_id, None).of,
                look_again=self._account_ladders,
            )

    async def _account_ladders(self) -> Ladders:
        return (await self._read()).overview.ladders

    async def _open_key(self, _: str, public_id: str) -> None:
        view = await self._read()
        one = view.overview.find(public_id)
        if one is None:
            components.toast("This key was revoked meanwhile.", "bad")
            await self.load()
            return

        async def look_again() -> Ladders:
            found = (await self._read()).overview.find(public_id)
            return one.ladders if found is None else found.ladders

        with self._dialog.filled(f"Override “{one.key.name}”"):
            override_form.Form(
                one.ladders,
                allows_unlimited=False,
                save=partial(self._save_key, one),
                preview=Preview(self._services, self._account_id, one.key.id).of,
                look_again=look_again,
            )

    async def _save_account(self, asked: Asked, shown: Ladders) -> None:
        """Raises what is refused, for the form to show."""
        viewer = await staff(self._services, self._viewer)
        origin = {"actor": viewer.email, "reason": asked.reason, "address": admin_frame.address()}
        expected = shown[asked.name].rungs[-1].override_id
        run, now = self._services.database.run, self._services.now()
        if asked.act == "remove":
            change = await run(
                limits.remove_account_limit,
                self._account_id,
                asked.name,
                **origin,
                expected_id=expected,
                now=now,
            )
        else:
            change = await run(
                limits.set_account_limit,
                self._account_id,
                asked.name,
                asked.value,
                **origin,
                until=asked.until,
                expected_id=expected,
                now=now,
            )
        await self._saved(_change_words(asked, change))
        await tell_limit_changed(
            self._services,
            self._account_id,
            asked.name,
            change,
            reason=asked.reason,
            until=asked.until,
        )

    async def _save_key(self, one: KeyLimits, asked: Asked, shown: Ladders) -> None:
        """Raises what is refused, for the form to show."""
        viewer = await staff(self._services, self._viewer)
        change = await self._services.database.run(
            limits.set_key_limit,
            self._account_id,
            one.key.public_id,
            asked.name,
            asked.value,
            actor=viewer.email,
            is_staff=True,
            reason=asked.reason,
            until=asked.until,
            expected=key_limits.own_value(shown[asked.name]),
            address=admin_frame.address(),
            now=self._services.now(),
        )
        await self._saved(_change_words(asked, change))
        await tell_limit_changed(
            self._services,
            self._account_id,
            asked.name,
            change,
            reason=asked.reason,
            until=asked.until,
            key_name=one.key.name,
        )

    async def _undo(self, _: str, override_id: str) -> None:
        try:
            viewer = await staff(self._services, self._viewer)
            row, change = await self._services.database.run(
                undo.undo,
                self._account_id,
                int(override_id) if override_id.isdigit() and len(override_id) < 10 else 0,
                actor=viewer.email,
                address=admin_frame.address(),
                now=self._services.now(),
            )
        except Refused as reason:
            components.toast(str(reason), "bad")
            await self.load()
            return
        name = limits.known(row.limit_name)
        await self._saved(f"Undone: {limits_view.changed(name, change)}")
        await tell_limit_changed(
            self._services, self._account_id, name, change, reason="An earlier change was undone."
        )

    def _ask_state(self, *, is_suspended: bool) -> None:
        act = "Resume" if is_suspended else "Suspend"

        async def change(values: dict[str, str]) -> None:
            field.accept()
            try:
                await self._change_state(values.get("reason", ""), is_suspended=is_suspended)
            except Refused as reason:
                field.refuse(str(reason))

        with self._dialog.filled(f"{act} this account?"):
            tag("p", _RESUMES if is_suspended else _SUSPENDS, "s-quiet")
            with components.form(change, label=f"{act} account"):
                field = components.field(
                    "Reason",
                    name="reason",
                    help=f"{limits.SHORTEST_REASON} characters or more; it stands in the audit trail.",
                    is_focused=True,
                )
                with tag("div", "", "s-buttons s-end"):
                    components.cancel_button()
                    kind: components.Kind = "primary" if is_suspended else "danger"
                    components.button(f"{act} account", is_submit=True, kind=kind)

    async def _change_state(self, reason: str, *, is_suspended: bool) -> None:
        viewer = await staff(self._services, self._viewer)
        account = await self._services.database.run(
            customers.resume if is_suspended else customers.suspend,
            self._account_id,
            actor=viewer.email,
            reason=reason,
            address=admin_frame.address(),
            now=self._services.now(),
        )
        await self._saved(f"{account.email} is {'active again' if is_suspended else 'suspended'}")

    async def _saved(self, said: str) -> None:
        await bind_now(self._services, self._account_id)
        assert self._content is not None
        with self._content:  # closing the dialog deletes the form in which this handler began
            await self.load()
            self._dialog.close()
            components.toast(f"{said}, from the next request")


_SUSPENDS: Final = (
    "Every key is refused with 403 from the next request, running streams end within seconds, logins end and open "
    "pages are sent away within a second. Nothing is deleted; the account can be resumed."
)
_RESUMES: Final = "Keys work again from the next request. People log in anew."


def _change_words(asked: Asked, change: Change) -> str:
    return limits_view.changed(asked.name, change).capitalize()


def _has_override(overrides: Sequence[Override], now: int) -> bool:
    return any(row.is_staff and _is_in_force(row, now) for row in overrides)


def _is_in_force(row: Override, now: int) -> bool:
    return row.ended_at is None and (row.until is None or row.until > now)


def _override_row(row: Override, view: View) -> tuple[Markup | str, ...]:
    undoing = components.act("undo", str(row.id), "Undo", label=f"Undo {_set_value(row)}")
    return (
        _for_whom(row, view.overview),
        _set_value(row),
        components.clipped(row.author),
        admin_frame.long(row.reason or "none given"),
        Markup('<span class="lim-when">{}</span>').format(words.ago(row.created_at, view.now)),
        _ends(row, view.now),
        limits_view.in_row(undoing) if row.is_staff and _is_in_force(row, view.now) else Markup(""),
    )


def _for_whom(row: Override, overview: AccountLimits) -> Markup:
    if row.key_id is None:
        return Markup("Account")
    return components.clipped(overview.names.get(row.key_id, "a former key"))


def _set_value(row: Override) -> str:
    return next(
        (ladder.worded(name, row.value) for name in ladder.NAMES if name == row.limit_name), str(row.value)
    )


def _ends(row: Override, now: int) -> Markup:
    if row.ended_at is not None:
        return components.pill("plain", "Replaced" if row.replaced_by else "Ended")
    if row.until is not None and row.until <= now:
        return components.pill("plain", "Over")
    return components.pill("good", words.utc_day(row.until) if row.until else "No end")


def _draw_refusals(view: View) -> None:
    if not view.whole.refused:
        tag("p", "No request of this account has been refused.", "s-quiet")
        return
    components.html(limits_view.refusals(view, is_owner=False))


def _whole_trail(account_id: int) -> Markup:
    return Markup('<a href="/app/admin/audit?account={}">Whole trail</a>').format(account_id)

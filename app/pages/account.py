"""/app/account: address, password, open logins, one's own data, and the end of it all.

What asks for the password is a plain form (app/account_forms.py); logins are ended from the page itself.
"""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup
from nicegui import ui

from app import components, device_words, forms, frame, login, own_data, words
from app.account_forms import PAGE
from app.components import Column, banner, html, tables, tag
from app.forms import Returned
from app.services import Services
from models import accounts, logins, passwords, verification
from models.accounts import Account
from models.database import Refused
from models.logins import Login, Viewer

SHOWN_LOGINS: Final = 20
_DONE: Final = {
    "password": "Your password is changed. Every other login has ended.",
    "email": "Your email address is changed. Log in with it from now on.",
    "asked": "A link is on its way to the new address. Your address changes once you open it.",
    "sent": "A new link is on its way. The earlier ones work, too.",
    "verified": "Your email address is confirmed.",
}
_COLUMNS: Final = (
    Column("Device", is_name=True),
    Column("Address"),
    Column("Last seen"),
    Column("Logged in"),
    Column("Act", is_title_hidden=True),
)
_OF_DELETION: Final = ("delete", "delete_email", "delete_password")


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot."""
    page = _Page(services, viewer)
    page.frame()
    await page.load()


class _Page:
    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services = services
        self._viewer = viewer
        self._back, self._done = _arrived_with()

    def frame(self) -> None:
        frame.title("Account", "Your address and password, where you are logged in, and your data.")
        self._content = tag("div", "", "s-stack ac-page")
        self._dialog = components.dialog()

    async def load(self) -> None:
        read, now = self._services.database.read, self._services.now()
        account = await read(accounts.get, self._viewer.account_id)
        pending = await read(verification.pending, self._viewer.account_id, now=now)
        open_logins = await read(logins.listing, self._viewer.account_id, now=now)
        if self._content.is_deleted or account is None:
            return
        self._content.clear()
        with self._content:
            if self._done:
                banner("good", self._done)
            components.form_error(self._back.about(""))
            with tag("div", "", "s-grid2"):
                self._draw_email(account, pending)
                self._draw_password(account)
            self._draw_logins(open_logins, now)
            with tag("div", "", "s-grid2"):
                self._draw_data()
                self._draw_end()
        if self._back.field in _OF_DELETION:
            self._ask_deletion()

    def _draw_email(self, account: Account, pending: str | None) -> None:
        has_mail = self._services.mail is not None
        with frame.card("Email"):
            html(_address(account, pending, has_mail=has_mail))
            with components.form(action=f"{PAGE}/email", label="Change email"):
                components.field(
                    "New email",
                    name="email",
                    type="email",
                    autocomplete="email",
                    value=self._back.email,
                    error=self._back.about("email"),
                    help="It changes once you open a link that we send there." if has_mail else "",
                    is_required=True,
                    inputmode="email",
                    autocapitalize="none",
                    spellcheck="false",
                )
                self._draw_current("Your password", "email_password")
                with tag("div", "", "s-buttons"):
                    components.button("Change email", kind="plain", is_submit=True)

    def _draw_password(self, account: Account) -> None:
        with frame.card("Password"):
            tag("p", "A new password ends every other login at once.", "s-quiet")
            with components.form(action=f"{PAGE}/password", label="Change password"):
                # For password managers: whose password this is.
                tag(
                    "input",
                    type="text",
                    name="username",
                    value=account.email,
                    autocomplete="username",
                    hidden="",
                )
                self._draw_current("Current password", "current_password")
                components.field(
                    "New password",
                    name="new_password",
                    type="password",
                    autocomplete="new-password",
                    help=f"{passwords.MIN_LENGTH} characters or more. A few words work well.",
                    error=self._back.about("new_password"),
                    is_required=True,
                )
                with tag("div", "", "s-buttons"):
                    components.button("Change password", kind="plain", is_submit=True)

    def _draw_current(self, label: str, name: str) -> None:
        components.field(
            label,
            name=name,
            type="password",
            autocomplete="current-password",
            error=self._back.about(name),
            is_required=True,
        )

    def _draw_logins(self, open_logins: Sequence[Login], now: int) -> None:
        others = [one for one in open_logins if one.id != self._viewer.login_id]
        with frame.card("Open logins", is_flush=True):
            components.table(
                _COLUMNS,
                [_login_row(one, self._viewer, now) for one in open_logins[:SHOWN_LOGINS]],
                caption="Open logins, the last seen first",
                on_act=self._act,
            )
            with tag("div", "", "s-line s-apart ac-inset"):
                tag("p", _logins_note(len(open_logins)), "s-quiet s-small")
                if others:
                    components.button(
                        "End all others", kind="danger-plain", size="slim", on_click=self._end_others
                    )

    def _draw_data(self) -> None:
        with frame.card("Your data"):
            tag(
                "p",
                "Everything kept about this account in one JSON file: keys without their secrets, limits, requests, "
                "refusals, and what was changed when.",
                "s-quiet",
            )
            with tag("div", "", "s-buttons"):
                link = components.button("Export my data", kind="plain", icon="download", href=own_data.PATH)
                components.set_attributes(link, download="")

    def _draw_end(self) -> None:
        with frame.card("Delete account"):
            tag(
                "p",
                "Ends your keys and logins at once and removes what tells of you. It cannot be undone.",
                "s-quiet",
            )
            with tag("div", "", "s-buttons"):
                components.button("Delete account", kind="danger-plain", on_click=self._ask_deletion)

    def _ask_deletion(self) -> None:
        back, self._back = self._back, Returned()
        with self._dialog.filled("Delete this account?"):
            html(
                Markup(
                    "<p>For good, from this moment on:</p><ul class='ac-list'><li>Programs that use your keys are "
                    "refused with 401.</li><li>You are logged out everywhere.</li><li>Your address, names of keys, "
                    "logins and refusals are removed. The figures of past requests stay, without your name.</li></ul>"
                )
            )
            with components.form(action=f"{PAGE}/delete", label="Delete account"):
                components.form_error(back.about("delete"))
                components.field(
                    f"Write {self._viewer.email} to confirm",
                    name="delete_email",
                    error=back.about("delete_email"),
                    is_required=True,
                    is_focused=True,
                    autocapitalize="none",
                    spellcheck="false",
                )
                components.field(
                    "Your password",
                    name="delete_password",
                    type="password",
                    autocomplete="current-password",
                    error=back.about("delete_password"),
                    is_required=True,
                )
                with tag("div", "", "s-buttons s-end"):
                    components.cancel_button("Keep account")
                    components.button("Delete for good", kind="danger", is_submit=True)

    async def _act(self, act: str, login_id: str) -> None:
        if act != "end-login":
            return
        viewer = await login.still(self._services, self._viewer)
        try:
            await self._services.database.run(
                logins.end,
                viewer.account_id,
                login_id,
                actor=viewer.email,
                address=login.address_of(ui.context.client.request),
                now=self._services.now(),
            )
        except Refused as reason:
            components.toast(str(reason), "bad")
        else:
            components.toast("The login has ended")
        await self._again()

    async def _end_others(self) -> None:
        viewer = await login.still(self._services, self._viewer)
        ended = await self._services.database.run(
            logins.end_others,
            viewer.account_id,
            viewer.login_id,
            actor=viewer.email,
            address=login.address_of(ui.context.client.request),
            now=self._services.now(),
        )
        with self._content:  # the button goes with what is drawn anew
            components.toast(f"{words.plural(ended, 'login')} ended")
            await self._again()

    async def _again(self) -> None:
        self._back, self._done = Returned(), ""
        await self.load()


def _arrived_with() -> tuple[Returned, str]:
    """What a form came back with. The shell's request is that of its first page, so only while that is shown."""
    client = ui.context.client
    here = client.sub_pages_router.current_path
    if "?" not in here:
        return Returned(), ""
    return forms.returned(client.request), _DONE.get(client.request.query_params.get("done", ""), "")


def _address(account: Account, pending: str | None, *, has_mail: bool) -> Markup:
    state = Markup("")
    if has_mail and account.verified_at is not None:
        state = components.pill("good", "Verified")
    elif has_mail:
        state = components.pill("caution", "Not verified")
    waiting = (
        Markup('<p class="s-quiet">A link to {} is waiting to be opened.</p>').format(pending)
        if pending
        else Markup("")
    )
    return Markup('<p class="s-line"><span class="a-long">{}</span>{}</p>{}').format(
        account.email, state, waiting
    )


def _login_row(one: Login, viewer: Viewer, now: int) -> list[tables.Cell]:
    device, is_mine = device_words.of(one.device), one.id == viewer.login_id
    mark = components.pill("primary", "This one") if is_mine else Markup("")
    end = components.act("end-login", one.id, "End", label=f"End the login of {device}")
    return [
        Markup('<span class="ac-device"><span title="{}">{}</span>{}</span>').format(
            one.device, device, mark
        ),
        one.address or "–",
        words.ago(one.seen_at, now),
        words.local(one.created_at),
        Markup("") if is_mine else Markup('<span class="s-row-actions">{}</span>').format(end),
    ]


def _logins_note(count: int) -> str:
    rule = "A login ends after 30 minutes without a click, and after 12 hours."
    hidden = count - SHOWN_LOGINS
    return f"{words.plural(hidden, 'more login')} not shown. {rule}" if hidden > 0 else rule

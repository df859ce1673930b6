"""The posts of the account page: address, password, the proof of an address, the end of the account.

Each asks for the password, counts wrong ones as a login does, and goes back to the page with the reason when it is
refused. `forms` has the machinery.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI, Request, Response
from starlette.responses import RedirectResponse

from app import forms, letters, login
from app.binding import bind_now
from app.forms import PasswordWork, Rejected
from app.services import Services
from models import accounts, deletion, guesses, logins, verification
from models.accounts import Account
from models.database import Refused
from models.logins import Viewer

PAGE: Final = "/app/account"
_WRONG: Final = "This is not your password."


class AccountForms:
    """The posts over one set of services. Field names differ from form to form: they tell where a reason belongs."""

    def __init__(self, services: Services, work: PasswordWork) -> None:
        self._services = services
        self._database = services.database
        self._work = work

    async def set_password(self, request: Request, fields: dict[str, str]) -> Response:
        viewer = await self._viewer(request)
        account = await self._checked(request, viewer, fields, "current_password")
        new = fields.get("new_password", "")
        forms.check_password(new, viewer.email, field="new_password", back=PAGE)
        hashed = await self._work.hashed(new)
        # This browser stays, with a new login; that of every other one is dead.
        entered = await self._database.run(
            logins.renew,
            account.id,
            hashed,
            **forms.browser_of(self._services, request),
            now=self._services.now(),
        )
        forms.tell_password_changed(self._services, request, account)
        response = RedirectResponse(f"{PAGE}?done=password", 303)
        login.set_cookies(self._services, request, response, entered)
        return response

    async def set_email(self, request: Request, fields: dict[str, str]) -> Response:
        """Without a mail server the password is proof enough; with one the new address is proven first."""
        viewer = await self._viewer(request)
        email, services = fields.get("email", ""), self._services
        account = await self._checked(request, viewer, fields, "email_password", email=email)
        try:
            if accounts.normal_email(email) == account.email:
                raise Rejected("email", "This is your address already.", email=email, back=PAGE)
            if services.mail is None:
                await self._database.run(
                    accounts.set_email,
                    account.id,
                    email,
                    is_verified=False,
                    address=login.address_of(request),
                    now=services.now(),
                )
                return RedirectResponse(f"{PAGE}?done=email", 303)
            token = await self._database.run(verification.issue, account.id, email, now=services.now())
        except Refused as reason:
            # It tells which accounts exist, so it counts as a wrong guess.
            who = forms.guesser(services, request, viewer.email)
            await self._database.run(guesses.note_failure, **who, now=services.now())
            raise Rejected("email", str(reason), email=email, back=PAGE) from None
        services.mail.send(letters.new_address(f"{services.public_url}/verify/{token}"), email.strip())
        return RedirectResponse(f"{PAGE}?done=asked", 303)

    async def send_again(self, request: Request, _: dict[str, str]) -> Response:
        viewer = await self._viewer(request)
        if self._services.mail is None or viewer.is_verified:
            return RedirectResponse(PAGE, 303)
        try:
            await forms.send_verification(self._services, viewer.account_id, viewer.email)
        except Refused as reason:
            raise Rejected("", str(reason), back=PAGE) from None
        return RedirectResponse(f"{PAGE}?done=sent", 303)

    async def verify(self, request: Request, _: dict[str, str]) -> Response:
        """The link of a mail, confirmed by a button: programs that look into mails follow links."""
        services, address = self._services, login.address_of(request)
        who = {"email": f"verify {address}", "address": address}
        await forms.slow_down(services, who, "")
        token = str(request.path_params["token"])
        try:
            proven = await self._database.run(
                verification.confirm, token, address=address, now=services.now()
            )
        except Refused as reason:
            await self._database.run(guesses.note_failure, **who, now=services.now())
            raise Rejected("", str(reason)) from None
        await bind_now(services, proven.account_id)
        if services.mail is not None and proven.old_email != proven.email:
            services.mail.send(letters.email_changed(proven.email), proven.old_email)
        viewer = await login.viewer_of(services, request)
        is_own = viewer is not None and viewer.account_id == proven.account_id
        return RedirectResponse(f"{PAGE if is_own else '/login'}?done=verified", 303)

    async def delete(self, request: Request, fields: dict[str, str]) -> Response:
        viewer, services = await self._viewer(request), self._services
        if fields.get("delete_email", "").strip().lower() != viewer.email:
            raise Rejected("delete_email", "This is not the address of this account.", back=PAGE)
        account = await self._checked(request, viewer, fields, "delete_password")
        try:
            await self._database.run(deletion.delete_account, account.id, now=services.now())
        except Refused as reason:
            raise Rejected("delete", str(reason), back=PAGE) from None
        await bind_now(services, account.id)
        login.close_pages(services, login.token_of(services, request))
        if services.mail is not None:
            services.mail.send(letters.account_deleted(), account.email)
        response = RedirectResponse("/login?done=deleted", 303)
        login.clear_cookie(services, request, response, forgets_device=True)
        return response

    async def _viewer(self, request: Request) -> Viewer:
        """Raises `Rejected` when the login has ended meanwhile; the page then asks for a new one."""
        viewer = await login.viewer_of(self._services, request)
        if viewer is None:
            raise Rejected("", "Your login has ended. Log in again.", back="/login")
        return viewer

    async def _checked(
        self, request: Request, viewer: Viewer, fields: dict[str, str], field: str, *, email: str = ""
    ) -> Account:
        """The viewer's account, after its password was looked at. Raises `Rejected`."""
        services = self._services
        who = forms.guesser(services, request, viewer.email)
        await forms.slow_down(services, who, email, back=PAGE)
        account = await self._database.read(accounts.get, viewer.account_id)
        assert account is not None
        password = fields.get(field, "")[: forms.LONGEST_PASSWORD]
        if not await self._work.matches(password, account.password_hash):
            await self._database.run(guesses.note_failure, **who, now=services.now())
            raise Rejected(field, _WRONG, email=email, back=PAGE)
        return account


def register(services: Services, outer: FastAPI, work: PasswordWork) -> None:
    own = AccountForms(services, work)
    routes: dict[str, Callable[[Request, dict[str, str]], Awaitable[Response]]] = {
        f"{PAGE}/password": own.set_password,
        f"{PAGE}/email": own.set_email,
        f"{PAGE}/verification": own.send_again,
        f"{PAGE}/delete": own.delete,
        "/verify/{token}": own.verify,
    }
    for path, answer in routes.items():
        outer.add_route(path, forms.post(services, answer), methods=["POST"])

"""A link with which somebody sets a new password, made by an admin and shown once: it is kept as a hash alone."""

from nicegui import ui

from app import address, login
from app.components.controls import button, copy_button
from app.components.dialogs import Dialog
from app.components.elements import set_attributes, tag
from app.services import Services
from models import accounts, logins
from models.logins import Viewer


async def show(services: Services, dialog: Dialog, staff: Viewer, account_id: int) -> None:
    """Makes it and opens the dialog with it. `staff` is who may do so now, checked by the caller. Raises
    `NoSuchAccount`."""
    request = ui.context.client.request
    account = await services.database.read(accounts.get, account_id)
    if account is None:
        raise accounts.NoSuchAccount
    token = await services.database.run(
        logins.issue_reset,
        account_id,
        actor=staff.email,
        address=login.address_of(request),
        now=services.now(),
    )
    with dialog.filled("Reset link"):
        tag(
            "p",
            f"Give it to the owner of {account.email} and nobody else. It sets a new password once, within an hour, "
            "and ends all logins of that account.",
            "s-quiet",
        )
        with tag("div", "", "s-field"):
            label = tag("label", "Link")
            with tag("div", "", "s-secret"):
                field = tag("input", "", "s-input s-mono", type="text", readonly="", spellcheck="false")
                field.props["^value"] = f"{address.origin(services, request)}/reset/{token}"
                set_attributes(label, for_=field.html_id)
                field.mark("Link")
                copy_button("Copy link", copies_from=f"#{field.html_id}")
        with tag("div", "", "s-buttons s-end"):
            button("Done", kind="plain", on_click=dialog.close)

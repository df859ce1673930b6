"""/reset/{token}: a new password, by a link that the operator made."""

from fastapi import FastAPI, Request
from nicegui import ui

from app import components, forms
from app.components import tag
from app.pages.signing import password_field, sheet
from app.services import Services


def register(services: Services, outer: FastAPI) -> None:
    @ui.page("/reset/{token}")
    async def reset(request: Request, token: str) -> None:
        back = forms.returned(request)
        text = "It works once, and ends every login of this account, on all devices."
        with (
            sheet(services, "Set a new password", text, ""),
            tag("div", "", "s-card"),
            components.form(action=request.url.path, label="Set a new password"),
        ):
            components.form_error(back.about(""))
            password_field("New password", back.about("password"), is_new=True, is_focused=True)
            components.button("Set password", is_submit=True, size="big")

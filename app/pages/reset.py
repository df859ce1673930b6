"""The ways back in: /forgot asks for a link, /reset/{token} sets a new password with one, and /verify/{token} confirms
an address. Plain forms; the posts are in app/forms.py and app/account_forms.py."""

from fastapi import FastAPI, Request
from markupsafe import Markup
from nicegui import ui

from app import components, forms
from app.components import banner, html, tag
from app.pages.signing import email_field, password_field, sheet
from app.services import Services


def register(services: Services, outer: FastAPI) -> None:
    @ui.page("/forgot")
    async def forgot(request: Request) -> None:
        if services.mail is None:
            _who_makes_links(services)
        elif request.query_params.get("done") == "sent":
            with sheet(services, "Look into your mailbox", "", "/forgot"):
                banner(
                    "good",
                    "If there is an account with this address, a link is on its way to it. It works once, for an hour.",
                )
                html(
                    Markup(
                        '<p class="s-quiet">Nothing came? Look among unwanted mail, check the address, or '
                        '<a href="/forgot">ask again</a>.</p>'
                    )
                )
        else:
            _ask(services, forms.returned(request))

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

    @ui.page("/verify/{token}")
    async def verify(request: Request, token: str) -> None:
        back = forms.returned(request)
        text = "Press the button to confirm that this address is yours."
        with (
            sheet(services, "Confirm your email address", text, ""),
            tag("div", "", "s-card"),
            components.form(action=request.url.path, label="Confirm your email address"),
        ):
            components.form_error(back.about(""))
            components.button("Confirm address", is_submit=True, size="big")


def _ask(services: Services, back: forms.Returned) -> None:
    text = "Tell us your address. If there is an account, a link goes there."
    with sheet(services, "Password forgotten", text, "/forgot"):
        with tag("div", "", "s-card"), components.form(action="/forgot", label="Ask for a link"):
            components.form_error(back.about(""))
            email_field(back, is_focused=True)
            components.button("Send a link", is_submit=True, size="big")
        html(Markup('<p class="s-quiet">Remembered? <a href="/login">Log in</a></p>'))


def _who_makes_links(services: Services) -> None:
    with sheet(
        services, "Password forgotten", "This server sends no mail, so people make the links.", "/forgot"
    ):
        with tag("div", "", "s-card s-stack"):
            html(
                Markup(
                    "<p>Ask an admin of this server for a link. It sets a new password once, within an hour.</p>"
                    "<p class='s-quiet'>Whoever runs the server can make one there, too:</p>"
                )
            )
            html(components.render_code("starscoo users reset-link you@example.com", "shell"))
        html(Markup('<p class="s-quiet">Remembered? <a href="/login">Log in</a></p>'))

"""/signup and /login. Both are plain forms; the posts are in app/forms.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from markupsafe import Markup
from nicegui import ui
from starlette.responses import RedirectResponse

from app import components, forms, frame, login
from app.components import banner, html, tag
from app.forms import Returned
from app.services import Services
from models import passwords

_DONE: Final = {
    "logout": "You are logged out.",
    "verified": "Your email address is confirmed. Log in to go on.",
    "deleted": "Your account is deleted. Its keys and logins are dead.",
}


def register(services: Services, outer: FastAPI) -> None:
    @ui.page("/signup")
    async def sign_up(request: Request) -> Response | None:
        if await login.viewer_of(services, request):
            return RedirectResponse("/app", 303)
        back = forms.returned(request)
        with sheet(services, "Create account", "An account, a key, a first answer: two minutes.", "/signup"):
            if services.is_signup_open:
                _sign_up_form(back)
            else:
                banner("note", "Sign-up is closed on this server. Ask its operator for an account.")
            html(Markup('<p class="s-quiet">Have an account? <a href="/login">Log in</a></p>'))
        return None

    @ui.page("/login")
    async def log_in(request: Request) -> Response | None:
        to = forms.inner_path(request.query_params.get("to", ""))
        if await login.viewer_of(services, request):
            return RedirectResponse(to, 303)
        back = forms.returned(request)
        with sheet(services, "Log in", "", "/login"):
            if done := _DONE.get(request.query_params.get("done", "")):
                banner("good", done)
            _log_in_form(back, "/login" if to == "/app" else f"/login?to={quote(to, safe='')}")
            more = (
                Markup('No account yet? <a href="/signup">Create one</a>. ')
                if services.is_signup_open
                else ""
            )
            html(Markup('<p class="s-quiet">{}<a href="/forgot">Password forgotten?</a></p>').format(more))
        return None


@contextmanager
def sheet(services: Services, title: str, text: str, here: str) -> Iterator[None]:
    """The narrow page around one form."""
    ui.page_title(f"{title} · {frame.PRODUCT}")
    with frame.public(services, here=here), tag("div", "", "s-narrow s-stack s-loose"):
        with tag("div"):
            tag("h1", title)
            if text:
                tag("p", text, "s-quiet")
        yield


def password_field(label: str, error: str, *, is_new: bool, is_focused: bool = False) -> None:
    components.field(
        label,
        name="password",
        type="password",
        autocomplete="new-password" if is_new else "current-password",
        help=f"{passwords.MIN_LENGTH} characters or more. A few words work well." if is_new else "",
        error=error,
        is_required=True,
        is_focused=is_focused,
    )


def email_field(back: Returned, *, is_focused: bool = False) -> None:
    components.field(
        "Email",
        name="email",
        type="email",
        autocomplete="username",
        value=back.email,
        error=back.about("email"),
        placeholder="you@example.com",
        is_required=True,
        is_focused=is_focused or not back.email,
        inputmode="email",
        autocapitalize="none",
        spellcheck="false",
    )


def _sign_up_form(back: Returned) -> None:
    with tag("div", "", "s-card"), components.form(action="/signup", label="Create account"):
        components.form_error(back.about(""))
        email_field(back)
        password_field("Password", back.about("password"), is_new=True, is_focused=bool(back.email))
        components.button("Create account", is_submit=True, size="big")


def _log_in_form(back: Returned, action: str) -> None:
    with tag("div", "", "s-card"), components.form(action=action, label="Log in"):
        components.form_error(back.about(""))
        email_field(back)
        password_field("Password", back.about("password"), is_new=False, is_focused=bool(back.email))
        components.button("Log in", is_submit=True, size="big")

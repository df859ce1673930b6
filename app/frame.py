"""What stands around every page: the menu of those who are logged in, the header of those who are not, titles, cards.

The first paint does not wait for scripts: a small static copy of the frame stands in the body until the page has
been built (`#s-paint`), and the theme is known before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fastapi import Request
from markupsafe import Markup
from nicegui import ui
from nicegui.events import GenericEventArguments

from app import assets, login, theme
from app.components import banner, button, empty_card, html, set_attributes, tag
from app.components.dialogs import toast_box
from app.services import Services
from models.logins import Viewer

PRODUCT: Final = "Starscoo"
FOOTER: Final = Markup("<p>Starscoo, self-hosted gateway to language models.</p>")

SANDBOX: Final = Markup(
    "<strong>Sandbox.</strong> Answers are simulated, no model is called and nothing is billed. "
    '<a href="/docs#providers">Connect a provider</a>'
)

# path, word, icon
_MENU: Final = (
    ("/app", "Overview", "overview"),
    ("/app/keys", "API keys", "keys"),
    ("/app/usage", "Usage", "usage"),
    ("/app/requests", "Requests", "requests"),
    ("/app/limits", "Limits", "limits"),
    ("/app/playground", "Playground", "playground"),
    ("/docs", "Docs", "docs"),
)
_ADMIN_MENU: Final = (("/app/admin", "Admin", "admin"),)
_ACCOUNT: Final = ("/app/account", "Account", "account")
_THEMES: Final = (
    ("system", "System theme", "screen"),
    ("light", "Light theme", "sun"),
    ("dark", "Dark theme", "moon"),
)


def title(text: str, subtitle: str = "") -> ui.element:
    """Page title and the window's title. Returns the box on the right: `with frame.title("Keys"): button(...)`."""
    ui.page_title(f"{text} · {PRODUCT}")
    with tag("div", "", "s-title"):
        with tag("div"):
            tag("h1", text)
            if subtitle:
                tag("p", subtitle)
        return tag("div", "", "s-actions")


@contextmanager
def card(title: str = "", *, is_flush: bool = False, more: Markup | None = None) -> Iterator[ui.element]:
    """A surface. `is_flush` lets a table reach its edges; `more` stands at the right of the title."""
    with tag("section", "", "s-card s-flush" if is_flush else "s-card") as element:
        if title:
            with tag("div", "", "s-head"):
                heading = tag("h2", title)
                if more:
                    html(more)
            set_attributes(element, aria_labelledby=heading.html_id)
        yield element


def nothing_here() -> None:
    """For an address that is not there, and for what belongs to somebody else alike."""
    title("There is no such page")
    with empty_card(
        "search", "Nothing here", "The address may be mistyped, or the page may belong to somebody else."
    ):
        button("Go to the overview", href="/app")


@contextmanager
def signed_in(services: Services, viewer: Viewer) -> Iterator[ui.element]:
    """Menu, banner line and the place for a page's content."""
    request = ui.context.client.request
    _document(request, "s-app")
    layout = ui.context.client.layout.classes("s-app")
    path = _menu_path(request.url.path)
    with tag("div", "", "s-page") as page:
        _banners(services)
        _unverified(services, viewer)
        yield page
    with layout:
        with tag("header", "", "s-bar"):
            menu_button = tag(
                "button",
                "",
                "s-icon-button",
                type="button",
                data_menu="",
                aria_label="Menu",
                aria_expanded="false",
            )
            with menu_button:
                html(theme.icon("menu"), "s-icon", "span")
            html(brand("/app"), name="span")
        with tag("aside", "", "s-menu", aria_label="Menu and account") as aside:
            html(brand("/app"), name="div")
            html(_links(path, is_admin=viewer.is_admin), name="nav").props["aria-label"] = "Main"
            _foot(request, viewer, path)
        set_attributes(menu_button, aria_controls=aside.html_id)
        tag("div", "", "s-scrim", aria_hidden="true")
        toast_box()
    ui.skip_link(target=page)

    def moved(path: str) -> None:
        ui.run_javascript(f"starscoo.here({_menu_path(path)!r})")

    ui.context.client.sub_pages_router.on_path_changed(moved)
    _follow_activity(services, viewer)


@contextmanager
def public(services: Services, *, viewer: Viewer | None = None, here: str = "") -> Iterator[ui.element]:
    """Header and footer of the pages that need no login. `here` is the path of the page for the header's links."""
    request = ui.context.client.request
    _document(request, "s-public")
    ui.context.client.layout.classes("s-public")
    with tag("div") as page:
        if services.is_sandbox:
            with tag("div", "", "s-page").style("padding-bottom: 0; padding-top: 16px"):
                _banners(services)
        yield page
    with ui.context.client.layout:
        with tag("header", "", "s-top") as header, tag("div"):
            html(brand("/"), name="span")
            html(public_links(services, viewer, here), name="nav").classes("s-line").props["aria-label"] = (
                "Main"
            )
        header.move(target_index=0)
        with tag("footer", "", "s-bottom"), tag("div"):
            html(FOOTER)
            _theme_switch(request)
        toast_box()
    ui.skip_link(target=page)


def _document(request: Request, kind: str) -> None:
    """Style sheets, script, theme, the first paint."""
    chosen = theme.of(request)
    dark = ui.dark_mode({"dark": True, "light": False, "system": None}[chosen])

    def follow(event: GenericEventArguments) -> None:
        dark.value = {"dark": True, "light": False}.get(str(event.args.get("choice")))

    ui.on("theme", follow)
    ui.add_head_html(str(head()))
    ui.add_body_html(str(THEME_FIRST + _FIRST_PAINT.format(kind=kind, star=theme.STAR)))


def head() -> Markup:
    """Font, style sheet, script and colours of every page's head."""
    return Markup(
        '<link rel="preload" href="{}" as="font" type="font/woff2" crossorigin>'
        '<link rel="stylesheet" href="{}">'
        '<script defer src="{}"></script>'
        '<meta name="theme-color" content="#F6F7FA" media="(prefers-color-scheme: light)">'
        '<meta name="theme-color" content="#0B0E15" media="(prefers-color-scheme: dark)">'
    ).format(assets.url("fonts/inter.woff2"), assets.url("look.css"), assets.url("starscoo.js"))


THEME_FIRST: Final = Markup(
    "<script>(()=>{const c=/(?:^|; )starscoo_theme=(light|dark)/.exec(document.cookie)?.[1];"
    'document.body.classList.add(c==="dark"||(!c&&matchMedia("(prefers-color-scheme: dark)").matches)'
    '?"body--dark":"body--light");})();</script>'
)
"""Stands first in the body: the theme is known before anything is painted."""
_FIRST_PAINT: Final = Markup(
    "<style>#s-paint{{position:fixed;inset:0;z-index:-1;pointer-events:none}}"
    "body:has(#app>*) #s-paint{{display:none}}</style>"
    '<div id="s-paint" class="{kind}" aria-hidden="true"><div class="s-menu"><span class="s-brand">'
    "{star}Starscoo</span>"
    '</div><div class="s-top"><div><span class="s-brand">{star}Starscoo</span></div></div></div>'
)


def brand(href: str) -> Markup:
    """Star and name."""
    return Markup('<a class="s-brand" href="{}">{}Starscoo</a>').format(href, theme.STAR)


def _links(path: str, *, is_admin: bool) -> Markup:
    def items(entries: tuple[tuple[str, str, str], ...]) -> Markup:
        return Markup("<ul>{}</ul>").format(
            Markup("").join(
                Markup('<li><a href="{}"{}><span class="s-icon">{}</span>{}</a></li>').format(
                    href, Markup(' aria-current="page"') if href == path else "", theme.icon(icon), word
                )
                for href, word, icon in entries
            )
        )

    return items(_MENU) + (items(_ADMIN_MENU) if is_admin else Markup(""))


def public_links(services: Services, viewer: Viewer | None, here: str) -> Markup:
    """The links of the public header; `here` is the path of the page."""

    def link(href: str, word: str, more: str = "") -> Markup:
        current = Markup(' aria-current="page"') if href == here else ""
        return Markup('<a class="s-plain-link {}" href="{}"{}>{}</a>').format(more, href, current, word)

    links = [link("/models", "Models", "s-wide-only"), link("/docs", "Docs")]
    if viewer:
        links.append(Markup('<a class="s-button s-primary" href="/app">Open dashboard</a>'))
    else:
        links.append(link("/login", "Log in"))
        if services.is_signup_open:
            links.append(
                Markup(
                    '<a class="s-button s-primary s-wide-only" href="/signup"{}>Create account</a>'
                ).format(Markup(' aria-current="page"') if here == "/signup" else "")
            )
    return Markup("").join(links)


def _foot(request: Request, viewer: Viewer, path: str) -> None:
    account_path, word, _ = _ACCOUNT
    with tag("div", "", "s-foot"):
        html(
            Markup(
                '<a class="s-who" href="{0}"{1}><span class="s-avatar" aria-hidden="true">{2}</span>'
                '<span class="s-who-words"><b>{3}</b><span title="{4}"><span class="s-sr">of </span>{4}</span>'
                "</span></a>"
            ).format(
                account_path,
                Markup(' aria-current="page"') if path == account_path else "",
                viewer.email[:1],
                word,
                viewer.email,
            )
        )
        with tag("div", "", "s-foot-row"):
            _theme_switch(request)
            with (
                tag("form", method="post", action="/logout"),
                tag("button", "", "s-icon-button", type="submit", aria_label="Log out", title="Log out"),
            ):
                html(theme.icon("logout"), "s-icon", "span")


def _theme_switch(request: Request) -> None:
    switch = html(theme_buttons(request), "s-segments s-theme")
    switch.props.update({"role": "group", "aria-label": "Theme"})


def theme_buttons(request: Request) -> Markup:
    """Of a group named Theme."""
    chosen = theme.of(request)
    return Markup("").join(
        Markup(
            '<button type="button" data-theme-choice="{}" aria-pressed="{}" aria-label="{}" title="{}">'
            '<span class="s-icon">{}</span></button>'
        ).format(value, "true" if value == chosen else "false", word, word, theme.icon(icon))
        for value, word, icon in _THEMES
    )


def _banners(services: Services) -> None:
    if services.is_sandbox:
        banner("note", SANDBOX)


def _unverified(services: Services, viewer: Viewer) -> None:
    """One line for whoever has not proven his address yet, where a mail can prove it."""
    if services.mail is None or viewer.is_verified:
        return
    with (
        tag("div", "", "s-banner s-banner-caution"),
        tag("form", "", "s-banner-form", method="post", action=f"{_ACCOUNT[0]}/verification"),
    ):
        html(
            Markup(
                "<strong>Address not verified.</strong> Open the link in our mail to {}; new accounts have a small "
                "limit until then."
            ).format(viewer.email),
            name="span",
        )
        tag("button", "Send again", "s-link-button", type="submit")


def _follow_activity(services: Services, viewer: Viewer) -> None:
    """Clicks keep a login open, also those that only change what is shown; an open page alone does not."""

    async def clicked() -> None:
        await login.still(services, viewer)

    ui.on("active", clicked)


def _menu_path(path: str) -> str:
    """The menu's entry that a path belongs to."""
    bare = path.split("?")[0].split("#")[0].rstrip("/")
    matching = [
        href for href, _, _ in (*_MENU, *_ADMIN_MENU, _ACCOUNT) if bare == href or bare.startswith(href + "/")
    ]
    return max(matching, key=len, default="/app")

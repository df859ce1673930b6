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

from app import assets, theme
from app.components import banner, html, set_attributes, tag
from app.components.dialogs import toast_box
from app.services import Services
from models.logins import Viewer

PRODUCT: Final = "Starscoo"

# path, word, icon
_MENU: Final = (
    ("/app", "Overview", "overview"),
    ("/app/keys", "API keys", "keys"),
    ("/app/usage", "Usage", "usage"),
    ("/app/requests", "Requests", "requests"),
    ("/app/limits", "Limits", "limits"),
    ("/docs", "Docs", "docs"),
)
_ADMIN_MENU: Final = (("/app/admin", "Admin", "admin"),)
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


@contextmanager
def signed_in(services: Services, viewer: Viewer) -> Iterator[ui.element]:
    """Menu, banner line and the place for a page's content."""
    request = ui.context.client.request
    _document(request, "s-app")
    layout = ui.context.client.layout.classes("s-app")
    path = _menu_path(request.url.path)
    with tag("div", "", "s-page") as page:
        _banners(services)
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
            html(_brand("/app"), name="span")
        with tag("aside", "", "s-menu", aria_label="Menu and account") as aside:
            html(_brand("/app"), name="div")
            html(_links(path, is_admin=viewer.is_admin), name="nav").props["aria-label"] = "Main"
            _foot(request, viewer)
        set_attributes(menu_button, aria_controls=aside.html_id)
        tag("div", "", "s-scrim", aria_hidden="true")
        toast_box()
    ui.skip_link(target=page)

    def moved(path: str) -> None:
        ui.run_javascript(f"starscoo.here({_menu_path(path)!r})")

    ui.context.client.sub_pages_router.on_path_changed(moved)


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
            html(_brand("/"), name="span")
            html(_public_links(services, viewer, here), name="nav").classes("s-line").props["aria-label"] = (
                "Main"
            )
        header.move(target_index=0)
        with tag("footer", "", "s-bottom"), tag("div"):
            html(Markup("<p>Starscoo, self-hosted gateway to language models.</p>"))
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
    # Plain strings: concatenated with Markup, NiceGUI's own markup would be escaped.
    ui.add_head_html(
        "".join(
            [
                Markup('<link rel="preload" href="{}" as="font" type="font/woff2" crossorigin>').format(
                    assets.url("fonts/inter.woff2")
                ),
                Markup('<link rel="stylesheet" href="{}">').format(assets.url("look.css")),
                Markup('<script defer src="{}"></script>').format(assets.url("starscoo.js")),
                Markup('<meta name="theme-color" content="#F6F7FA" media="(prefers-color-scheme: light)">'),
                Markup('<meta name="theme-color" content="#0B0E15" media="(prefers-color-scheme: dark)">'),
            ]
        )
    )
    ui.add_body_html(str(_FIRST_PAINT.format(kind=kind, star=theme.STAR)))


_FIRST_PAINT: Final = Markup(
    "<script>(()=>{{const c=/(?:^|; )starscoo_theme=(light|dark)/.exec(document.cookie)?.[1];"
    'document.body.classList.add(c==="dark"||(!c&&matchMedia("(prefers-color-scheme: dark)").matches)'
    '?"body--dark":"body--light");}})();</script>'
    "<style>#s-paint{{position:fixed;inset:0;z-index:-1;pointer-events:none}}"
    "body:has(#app>*) #s-paint{{display:none}}</style>"
    '<div id="s-paint" class="{kind}" aria-hidden="true"><div class="s-menu"><span class="s-brand">'
    "{star}Starscoo</span>"
    '</div><div class="s-top"><div><span class="s-brand">{star}Starscoo</span></div></div></div>'
)


def _brand(href: str) -> Markup:
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


def _public_links(services: Services, viewer: Viewer | None, here: str) -> Markup:
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


def _foot(request: Request, viewer: Viewer) -> None:
    with tag("div", "", "s-foot"):
        html(
            Markup(
                '<span class="s-avatar" aria-hidden="true">{}</span>'
                '<span title="{}"><span class="s-sr">Logged in as </span>{}</span>'
            ).format(viewer.email[:1], viewer.email, viewer.email),
            "s-who",
        )
        with tag("div", "", "s-foot-row"):
            _theme_switch(request)
            with (
                tag("form", method="post", action="/logout"),
                tag("button", "", "s-icon-button", type="submit", aria_label="Log out", title="Log out"),
            ):
                html(theme.icon("logout"), "s-icon", "span")


def _theme_switch(request: Request) -> None:
    chosen = theme.of(request)
    html(
        Markup("").join(
            Markup(
                '<button type="button" data-theme-choice="{}" aria-pressed="{}" aria-label="{}" title="{}">'
                '<span class="s-icon">{}</span></button>'
            ).format(value, "true" if value == chosen else "false", word, word, theme.icon(icon))
            for value, word, icon in _THEMES
        ),
        "s-segments s-theme",
    ).props.update({"role": "group", "aria-label": "Theme"})


def _banners(services: Services) -> None:
    if services.is_sandbox:
        banner(
            "note",
            Markup(
                "<strong>Sandbox.</strong> Answers are simulated, no model is called and nothing is billed. "
                '<a href="/docs#providers">Connect a provider</a>'
            ),
        )


def _menu_path(path: str) -> str:
    """The menu's entry that a path belongs to."""
    bare = path.split("?")[0].split("#")[0].rstrip("/")
    matching = [href for href, _, _ in (*_MENU, *_ADMIN_MENU) if bare == href or bare.startswith(href + "/")]
    return max(matching, key=len, default="/app")

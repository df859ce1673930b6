"""A browser before a running Starscoo, for tests of what only a browser shows.

    visit = visitor.opens("/app/keys", who="alice@example.com", theme="dark", width=375)
    visit.page.get_by_role("button", name="Create key").click()

What a page must never do is noted while it is used and fails the test at its end: errors and warnings in the
console, and requests to other hosts.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect
from running import Running

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CUSTOMER = "alice@example.com"
ADMIN = "admin@example.com"
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
_ADDRESSES = count(1)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def chromium(playwright: Playwright, *arguments: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments])
    yield browser
    browser.close()


@dataclass
class Visit:
    """One window on one page. `problems` is what a page must never do."""

    page: Page
    context: BrowserContext
    url: str
    problems: list[str] = field(default_factory=list)

    def opens(self, path: str) -> None:
        self.page.goto(self.url + path)
        self.settled()

    def settled(self) -> None:
        """Until the page's socket works, where it has one, and its content has come."""
        self.page.wait_for_function(
            "window.did_handshake === true || document.body.classList.contains('s-plain-page')"
        )
        expect(self.page.locator("main h1")).to_be_visible()

    def watch(self, page: Page) -> None:
        own = urlsplit(self.url).netloc
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on(
            "console",
            lambda message: (
                self.problems.append(f"{message.type}: {message.text}")
                if message.type in ("error", "warning")
                else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                self.problems.append(f"request to {request.url}")
                if urlsplit(request.url).scheme in ("http", "https", "ws", "wss")
                and urlsplit(request.url).netloc != own
                else None
            ),
        )


@dataclass
class Visitor:
    """Opens windows of a browser on a server, logged in or not; each login is made once."""

    browser: Browser
    house: Running
    visits: list[Visit] = field(default_factory=list)
    logins: dict[str, object] = field(default_factory=dict)

    def opens(
        self,
        path: str,
        *,
        who: str | None = None,
        theme: Theme = "light",
        width: int = 1280,
        height: int = 800,
    ) -> Visit:
        visit = self.window(who=who, theme=theme, width=width, height=height)
        visit.opens(path)
        return visit

    def window(
        self, *, who: str | None = None, theme: Theme = "light", width: int = 1280, height: int = 800
    ) -> Visit:
        """An empty one."""
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            reduced_motion="reduce",
            storage_state=self._login(who) if who else None,
            extra_http_headers=elsewhere(),
        )
        page = context.new_page()
        visit = Visit(page, context, self.house.url)
        visit.watch(page)
        self.visits.append(visit)
        return visit

    def close(self) -> None:
        """Closes every window. Raises AssertionError for what a page must never do."""
        problems = [problem for visit in self.visits for problem in visit.problems]
        for visit in self.visits:
            visit.context.close()
        self.visits.clear()
        assert problems == []

    def _login(self, email: str) -> object:
        if email not in self.logins:
            context = self.browser.new_context(extra_http_headers=elsewhere())
            page = context.new_page()
            page.goto(f"{self.house.url}/login")
            page.get_by_label("Email").fill(email)
            page.get_by_label("Password", exact=True).fill(password_of(self.house, email))
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/app")
            self.logins[email] = context.storage_state()
            context.close()
        return self.logins[email]


def elsewhere() -> dict[str, str]:
    """Says that a window is at an address of its own: so many people at one address would be taken for one who
    guesses. The house believes it (`STARSCOO_TRUSTED_PROXIES`)."""
    number = next(_ADDRESSES)
    return {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}


def password_of(house: Running, email: str) -> str:
    """Of the demo's two accounts."""
    kept = json.loads((Path(house.directory) / "data" / "demo.json").read_text())
    return str(kept["admin_password" if email == ADMIN else "customer_password"])


def sign_up(visit: Visit, email: str, password: str = "correct horse battery staple") -> None:
    visit.opens("/signup")
    visit.page.get_by_label("Email").fill(email)
    visit.page.get_by_label("Password", exact=True).fill(password)
    visit.page.get_by_role("button", name="Create account").click()
    visit.page.wait_for_url("**/app")
    visit.settled()


def create_key(visit: Visit, name: str) -> str:
    """From the keys page; leaves the dialog that shows it open. Returns the secret."""
    page = visit.page
    page.get_by_role("button", name="Create key").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("dialog").get_by_role("button", name="Create key").click()
    shown = page.get_by_label(re.compile("^Key “"))
    expect(shown).to_be_visible()
    return shown.input_value()


def choose(page: Page, act: str, name: str) -> None:
    """From the menu of a key's row."""
    page.get_by_role("button", name=f"Actions for {name}", exact=True).click()
    label = f"Change the limits of {name}" if act == "Limits" else f"{act} {name}"
    page.get_by_role("button", name=label, exact=True).click()


def violations(page: Page) -> list[str]:
    """What axe finds, each with the place where it found it."""
    found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')[:300]}"
        for each in found
        for node in each["nodes"]
    ]


def overhang(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))

"""Finds pages by following links, and dialogs by pressing buttons, as somebody would who has never seen them.

Addresses that differ only in an id are one place: one of them is visited. Nothing here knows a page by name.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from browsing import RULES, Visit, Visitor, overhang
from playwright.sync_api import Page, TimeoutError, expect

MOST_PLACES = 80
MOST_BUTTONS = 14
PATIENCE_MS = 600
_ID = re.compile(r"(?=[\w-]*[A-Z0-9])[\w-]{8,}|\d+")
_LINKS = (
    "() => [...document.querySelectorAll('a[href^=\"/\"]:not([download])')].map(a => a.getAttribute('href'))"
)
# Buttons that may open something: not those that copy, choose a theme, a tab or one of several, or send a form.
_BUTTONS = """
() => {
  const seen = new Set();
  const places = [];
  const all = [...document.querySelectorAll("main button")];
  all.forEach((button, place) => {
    const box = button.getBoundingClientRect();
    if (button.disabled || !box.width || !box.height || button.closest("dialog")) return;
    if (button.type === "submit" || button.matches("[role=tab], [aria-pressed]")) return;
    if (button.matches(".s-copy, .s-reveal, [data-copy], [data-copy-from], [data-download]")) return;
    const kind = button.dataset.act || button.textContent.trim();
    if (seen.has(kind)) return;
    seen.add(kind);
    places.push([place, kind]);
  });
  return places;
}
"""
# Resolves when nothing has changed for a fifth of a second, after three seconds whatever happens.
_QUIET = """
() => new Promise((done) => {
  const end = setTimeout(done, 3000);
  let calm = setTimeout(finish, 200);
  const watch = new MutationObserver(() => { clearTimeout(calm); calm = setTimeout(finish, 200); });
  function finish() { watch.disconnect(); clearTimeout(end); done(); }
  watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})
"""
_AXE = """
async (rules) => {
  const found = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
  const told = (rule, node) => `${rule}: ${node.target} ${node.failureSummary.slice(0, 300)}`;
  return found.violations.flatMap((each) => each.nodes.map((node) => told(each.id, node)));
}
"""


@dataclass(frozen=True)
class Place:
    """`path` is as it was found; `name` stands for all that differ from it in an id."""

    path: str
    name: str


def place_of(href: str) -> Place:
    path = urlsplit(href).path.rstrip("/") or "/"
    return Place(path, "/".join("*" if _ID.fullmatch(part) else part for part in path.split("/")))


def places(visit: Visit, start: str, *, known: frozenset[str] = frozenset()) -> Iterator[Place]:
    """Each place that can be reached by links, opened when it is yielded. `known` names those that are left out,
    though their links are followed."""
    waiting, seen = [place_of(start)], {place_of(start).name}
    while waiting:
        assert len(seen) <= MOST_PLACES, f"more places than anybody would look at: {sorted(seen)}"
        place = waiting.pop(0)
        open_at(visit, place.path)
        for href in visit.page.evaluate(_LINKS):
            found = place_of(href)
            if found.name not in seen and not found.path.startswith("/assets"):
                seen.add(found.name)
                waiting.append(found)
        if place.name not in known:
            yield place


def open_at(visit: Visit, path: str) -> None:
    visit.opens(path)
    quiet(visit.page)


def quiet(page: Page) -> None:
    """Until what is drawn later has been drawn."""
    page.evaluate(_QUIET)


def dialogs(visitor: Visitor, who: str, path: str) -> Iterator[tuple[str, Page]]:
    """Each dialog that a button of the page opens, by the button's words, open when it is yielded. What a button does
    besides happens: the house must be one's own."""
    visit = visitor.window(who=who)
    open_at(visit, path)
    for place, kind in visit.page.evaluate(_BUTTONS)[:MOST_BUTTONS]:
        button = visit.page.locator("main button").nth(place)
        if not button.is_visible():
            continue  # an earlier one has changed the page
        button.click()
        try:
            visit.page.wait_for_selector("dialog[open]", timeout=PATIENCE_MS)
        except TimeoutError:
            pass
        else:
            quiet(visit.page)
            yield str(kind), visit.page
        visit.page.goto(visit.url + path)
        if urlsplit(visit.page.url).path != path:  # it ended the login
            del visitor.logins[who]
            visit = visitor.window(who=who)
        open_at(visit, path)


def problems(page: Page, *, width: int, theme: str) -> list[str]:
    """What axe finds and what hangs over the edge, in that theme and at that width."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    expect(page.locator("body")).to_have_class(re.compile(f"body--{theme}"))
    quiet(page)
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(Axe().axe_script)
    found: list[str] = page.evaluate(_AXE, RULES)
    if overhang(page) > 0:
        found.append(f"hangs over by {overhang(page)} px")
    return [f"{width} {theme}: {each}" for each in found]

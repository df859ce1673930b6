"""What a page weighs and how long it takes, as a browser sees it: cold, with nothing kept, and warm, a second time."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from browsing import Visit
from playwright.sync_api import expect

_WATCH = """
(() => {
  let done = false;
  Object.defineProperty(window, "did_handshake", {
    get: () => done,
    set: (value) => { done = value; if (value) window.handshakeAt ??= performance.now(); },
  });
  new MutationObserver(() => {
    if (document.querySelector(".js-plotly-plot .main-svg")) window.chartAt ??= performance.now();
  }).observe(document, { childList: true, subtree: true });
})();
"""
_TIMES = """
() => [performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
       window.handshakeAt ?? null, window.chartAt ?? null]
"""


@dataclass(frozen=True)
class Load:
    """Bytes on the wire in kB; times in ms since the address was entered, None for what a page has not."""

    kb: float
    requests: int
    foreign: tuple[str, ...]
    paint_ms: float | None
    handshake_ms: float | None
    chart_ms: float | None


@dataclass(frozen=True)
class Weight:
    """`elements` are those that the server keeps for an open page; none for a whole document."""

    cold: Load
    warm: Load
    elements: int


def weigh(visit: Visit, path: str, *, ready: str) -> Weight:
    """In a fresh window; `ready` selects what shows that the page is complete."""
    cdp = visit.context.new_cdp_session(visit.page)
    cdp.send("Network.enable")
    cdp.send("Network.clearBrowserCache")
    sizes: list[int] = []
    hosts: set[str] = set()
    cdp.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    cdp.on("Network.requestWillBeSent", lambda event: hosts.add(urlsplit(event["request"]["url"]).netloc))
    visit.page.add_init_script(_WATCH)

    def load() -> Load:
        sizes.clear()
        hosts.clear()
        visit.opens(path)
        expect(visit.page.locator(ready).first).to_be_visible()
        # A script that idle time loads, like the picture in the tab, belongs to it.
        visit.page.wait_for_load_state("networkidle")
        times = visit.page.evaluate(_TIMES)
        foreign = tuple(sorted(hosts - {urlsplit(visit.url).netloc, ""}))
        return Load(sum(sizes) / 1000, len(sizes), foreign, *times)

    cold, warm = load(), load()
    elements = visit.page.evaluate(
        "typeof mounted_app === 'undefined' ? 0 : Object.keys(mounted_app.elements).length"
    )
    return Weight(cold, warm, elements)

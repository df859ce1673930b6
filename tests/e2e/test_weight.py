"""What pages weigh on the way: bytes and requests are limits, seconds are only printed."""

import json

import pytest
from browsing import CUSTOMER, Visitor
from playwright.sync_api import expect

# path, who, kB cold, what shows that it is complete
PAGES = {
    "landing": ("/", None, 380, "h1"),
    "overview": ("/app", CUSTOMER, 430, ".s-figure"),
    "chart": ("/app/usage", CUSTOMER, 820, ".js-plotly-plot .main-svg"),
}
WARM_KB = 12
MOST_REQUESTS = 26
MOST_ELEMENTS = 200


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stays_within_its_weight(visitor: Visitor, name: str) -> None:
    path, who, most_kb, ready = PAGES[name]
    visit = visitor.window(who=who)
    cdp = visit.context.new_cdp_session(visit.page)
    cdp.send("Network.enable")
    sizes: list[int] = []
    cdp.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    cdp.send("Network.clearBrowserCache")

    visit.opens(path)
    expect(visit.page.locator(ready).first).to_be_visible()
    cold_kb, requests = sum(sizes) / 1000, len(sizes)
    times = json.loads(
        visit.page.evaluate(
            "JSON.stringify({paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime})"
        )
    )
    sizes.clear()
    visit.opens(path)
    expect(visit.page.locator(ready).first).to_be_visible()

    elements = visit.page.evaluate("Object.keys(mounted_app.elements).length")
    print(
        f"{name}: {cold_kb:.0f} kB cold, {sum(sizes) / 1000:.1f} kB warm, {requests} requests, "
        f"{elements} elements, first paint {times.get('paint') or 0:.0f} ms"
    )
    assert cold_kb <= most_kb
    assert requests <= MOST_REQUESTS
    assert sum(sizes) / 1000 <= WARM_KB
    assert elements <= MOST_ELEMENTS

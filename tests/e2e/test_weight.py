"""What pages weigh on the way: bytes and requests are limits, seconds are only printed."""

import pytest
from browsing import CUSTOMER, Visitor
from weighing import weigh

# path, who, kB cold, what shows that it is complete
PAGES = {
    "landing": ("/", None, 100, ".p-last"),
    "docs": ("/docs", None, 100, "#changelog"),
    "models": ("/models", None, 100, ".s-table"),
    "sign-up": ("/signup", None, 380, "form"),
    "overview": ("/app", CUSTOMER, 430, ".s-figure"),
    "playground": ("/app/playground", CUSTOMER, 430, ".y-page"),
    "log": ("/app/requests", CUSTOMER, 430, ".l-open"),
    "chart": ("/app/usage", CUSTOMER, 820, ".js-plotly-plot .main-svg"),
}
WARM_KB = 12
MOST_REQUESTS = 26
MOST_ELEMENTS = 200


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stays_within_its_weight(visitor: Visitor, name: str) -> None:
    path, who, most_kb, ready = PAGES[name]
    weight = weigh(visitor.window(who=who), path, ready=ready)
    cold, warm = weight.cold, weight.warm
    print(
        f"{name}: {cold.kb:.0f} kB cold, {warm.kb:.1f} kB warm, {cold.requests} requests, {weight.elements} elements, "
        f"first paint {cold.paint_ms or 0:.0f} and {warm.paint_ms or 0:.0f} ms"
    )
    assert cold.kb <= most_kb
    assert warm.kb <= WARM_KB
    assert max(cold.requests, warm.requests) <= MOST_REQUESTS
    assert cold.foreign == warm.foreign == ()
    assert weight.elements <= MOST_ELEMENTS

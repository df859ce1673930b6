"""`make bench-pages`: how long pages take in a browser, cold and warm, the median of three. Nothing is asserted.

The demo is started in a directory of its own; each figure is read in a fresh window of one browser on this machine.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

sys.path[:0] = [str(Path(__file__).parent.parent / "tests"), str(Path(__file__).parent.parent)]

import running  # noqa: E402  found by the path above
from browsing import CUSTOMER, Visitor, chromium  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from weighing import Load, weigh  # noqa: E402

# path, who, what shows that it is complete
PAGES = {
    "landing": ("/", None, ".p-last"),
    "docs": ("/docs", None, "#changelog"),
    "models": ("/models", None, ".s-table"),
    "sign-up": ("/signup", None, "form"),
    "overview": ("/app", CUSTOMER, ".s-figure"),
    "playground": ("/app/playground", CUSTOMER, ".y-page"),
    "usage, with a chart": ("/app/usage", CUSTOMER, ".js-plotly-plot .main-svg"),
}
TIMES = ("paint_ms", "handshake_ms", "chart_ms")
HEAD = f"{'page':<20} {'':<5} {'first paint':>12} {'usable':>10} {'chart':>10} {'kB':>7} {'requests':>9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with (
        tempfile.TemporaryDirectory() as directory,
        running.server(Path(directory), command="demo") as house,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        visitor = Visitor(browser, house)
        print(HEAD)
        for name, (path, who, ready) in PAGES.items():
            weights = []
            for _ in range(rounds):
                weights.append(weigh(visitor.window(who=who), path, ready=ready))
                visitor.close()
            print(_line(name, "cold", [weight.cold for weight in weights]))
            print(_line("", "warm", [weight.warm for weight in weights]))


def _line(name: str, which: str, loads: Sequence[Load]) -> str:
    paint, handshake, chart = (_middle(loads, time) for time in TIMES)
    kb = median(load.kb for load in loads)
    requests = median(load.requests for load in loads)
    return f"{name:<20} {which:<5} {paint:>12} {handshake:>10} {chart:>10} {kb:>7.1f} {requests:>9.0f}"


def _middle(loads: Sequence[Load], name: str) -> str:
    """A page that has no socket or no chart has no such time."""
    known = [time for load in loads if (time := getattr(load, name)) is not None]
    return f"{median(known):.0f} ms" if known else "–"


main()

"""The copy of plotly that charts load: unchanged, small, and really the one that pages ask for."""

import gzip
import hashlib

from nicegui import dependencies

from app import assets
from app.components import chart

# Of package/plotly-basic.min.js in plotly.js-basic-dist-min 4.1.1.
SHA256 = "99784e3abfb07b142a15e521a439e6d9addceadb3f79553fd24c72774f0649ba"
VENDOR = assets.ROOT / "vendor"


def test_the_bundle_is_the_published_one() -> None:
    packed = (VENDOR / "plotly-basic-4.1.1.min.js.gz").read_bytes()
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == SHA256
    assert len(packed) < 400_000


def test_its_licence_stands_beside_it() -> None:
    assert (VENDOR / "plotly-LICENSE.txt").read_text().startswith("MIT License")


def test_pages_load_it_in_place_of_the_whole_library() -> None:
    chart.use_own_bundle()
    url = dependencies.importmap_overrides["nicegui-plotly"]
    assert url == assets.url("vendor/plotly.mjs")
    assert assets.url("vendor/plotly-basic-4.1.1.min.js").endswith(".min.js")
    assert './plotly-basic-4.1.1.min.js"' in (VENDOR / "plotly.mjs").read_text()

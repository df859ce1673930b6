"""The files that pages load: read once, addressed by a hash of them all, so that browsers keep them for good.

A file that ends in .gz is served under its name without it.
"""

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response

ROOT: Final = Path(__file__).parent.parent / "assets"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
}
LOOK: Final = ("starscoo.css", "front.css", "pages.css")
"""The style sheets that make `look.css`, which every page loads as one."""
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """`packed` is the gzipped form, None where that gains nothing (fonts and images are packed already)."""

    body: bytes
    packed: bytes | None
    media_type: str


@cache
def _all() -> dict[str, Asset]:
    found = {}
    for path in sorted(ROOT.rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if media_type := _TYPES.get(Path(name.removesuffix(".gz")).suffix):
            body = path.read_bytes()
            if name.endswith(".gz"):
                found[name.removesuffix(".gz")] = Asset(gzip.decompress(body), body, media_type)
            else:
                packed = gzip.compress(body, 9, mtime=0) if media_type.startswith("text/") else None
                found[name] = Asset(body, packed, media_type)
    found["look.css"] = _joined([found[name] for name in LOOK if name in found])
    return found


def _joined(sheets: Iterable[Asset]) -> Asset:
    body = b"\n".join(sheet.body for sheet in sheets)
    return Asset(body, gzip.compress(body, 9, mtime=0), _TYPES[".css"])


@cache
def version() -> str:
    """Changes when any asset changes."""
    digest = hashlib.sha256()
    for name, asset in _all().items():
        digest.update(name.encode() + b"\0" + asset.body)
    return digest.hexdigest()[:12]


def url(name: str) -> str:
    """The address of an asset by its path under `assets/`. Relative addresses inside style sheets keep the version."""
    if name not in _all():
        raise KeyError(f"no such asset: {name}")
    return f"/assets/{version()}/{name}"


def register(outer: FastAPI) -> None:
    async def serve(request: Request) -> Response:
        asset = _all().get(request.path_params["name"])
        if asset is None:
            return Response("No such file.", 404, media_type="text/plain")
        headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(
                asset.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=asset.media_type
            )
        return Response(asset.body, headers=headers, media_type=asset.media_type)

    outer.add_route("/assets/{version}/{name:path}", serve, methods=["GET"])

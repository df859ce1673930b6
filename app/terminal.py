"""What all commands share: the database of the settings, how answers are printed, how a command ends."""

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from app.settings import Settings
    from models.database import Database

ACTOR = "command line"

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]


def settings() -> "Settings":
    from app import settings as options

    return options.load()


@contextmanager
def database() -> Iterator[tuple["Database", "Settings"]]:
    """The database of the settings with its tables in place: the first key may be made before the first start."""
    options = settings()
    import models.keys  # noqa: F401  # the tables refer to one another, so all of them must be known
    from models.database import Database

    opened = Database(options.database_url, durability=options.durability)
    try:
        opened.migrate()
        yield opened, options
    finally:
        opened.close()


def now() -> int:
    return int(time.time())


def moment(seconds: int | None) -> str:
    """Unix seconds as people read them."""
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def answer(whole: dict[str, Any], lines: Iterable[str], is_json: bool) -> None:
    """On standard output: one JSON object, or lines for people."""
    print(json.dumps(whole) if is_json else "\n".join(lines))


class Progress:
    """How far long work is, on standard error, where somebody watches it."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_watched = sys.stderr.isatty()

    def __call__(self, done: int, whole: int) -> None:
        if self._is_watched:
            end = "\n" if done == whole else ""
            print(f"\r{self._what}: day {done:,} of {whole:,}", end=end, file=sys.stderr, flush=True)


def stop(words: str, status: int) -> NoReturn:
    """One line on standard error; help as it is."""
    is_help = words.startswith("Usage:")
    print(words if is_help else f"starscoo: {' '.join(words.split())}", file=sys.stderr)
    raise SystemExit(status)

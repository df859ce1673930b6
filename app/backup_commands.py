"""`starscoo backup` and `starscoo restore`: the whole database in one checked file."""

from pathlib import Path
from typing import Annotated

import typer

from app import terminal
from app.terminal import Json

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup's file.")]


def backup(path: File, is_json: Json = False) -> None:
    """Write the whole database into FILE, also while servers run. It holds no secret in clear."""
    from models import backup as operations

    with terminal.database() as (database, _):
        size = operations.write(database, path)
    terminal.answer({"file": str(path), "bytes": size}, [f"Wrote {path}, {size:,} bytes."], is_json)


def restore(path: File, is_json: Json = False) -> int:
    """Put a backup back, while no server runs. An SQLite file that is there is set aside, a PostgreSQL database must
    be empty. The exit code is 1 when the restored ledger does not agree with itself."""
    from models import backup as operations
    from models import ledger_check
    from models.database import Database

    settings = terminal.settings()
    database = Database(settings.database_url, durability=settings.durability)
    aside = None
    try:
        if database.dialect == "sqlite":
            aside = operations.replace_file(database, path)
        else:
            operations.fill(database, path)
        report = ledger_check.check(
            database, now_ms=terminal.now() * 1000, on_piece=terminal.Progress("Checking")
        )
    finally:
        database.close()
    lines = [f"Restored {path}: {report.rows:,} requests."]
    if aside is not None:
        lines.append(f"The former database is kept as {aside}.")
    lines += report.lines or ["Its ledger agrees with itself."]
    answer = {
        "file": str(path),
        "rows": report.rows,
        "differences": report.differences,
        "former": None if aside is None else str(aside),
    }
    terminal.answer(answer, lines, is_json)
    return 1 if report.differences else 0

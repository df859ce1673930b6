"""`starscoo ledger`: is it right, and making its sums anew. Both work beside a running server."""

import asyncio
import time
from typing import TYPE_CHECKING

import typer

from app import terminal
from app.terminal import Json

if TYPE_CHECKING:
    from models.database import Database
    from models.ledger_check import Report

ledger = typer.Typer(no_args_is_help=True, help="Check the ledger, and make its sums anew.")


@ledger.command("check")
def check(is_json: Json = False) -> int:
    """Hold rows, sums, reservations and counters against one another. The exit code is 1 when they differ."""
    from models import ledger_check, ledger_state

    began, now = time.monotonic(), terminal.now()
    with terminal.database() as (database, settings):
        report = ledger_check.check(database, now_ms=now * 1000, on_piece=terminal.Progress("Checking"))
        if settings.counts_in == "redis" and settings.redis_url:
            asyncio.run(_compare_counters(database, settings.redis_url, report))
        entry = report.entry(by=terminal.ACTOR, at=now, took_ms=round((time.monotonic() - began) * 1000))
        database.run_now(ledger_state.record_check, entry)
    terminal.answer(_check_answer(report), _check_lines(report), is_json)
    return 1 if report.differences else 0


@ledger.command("rebuild")
def rebuild(is_json: Json = False) -> None:
    """Make the sums by hour and month anew from the rows. What is right already stays untouched."""
    from models import ledger_rebuild

    with terminal.database() as (database, settings):
        done = ledger_rebuild.rebuild(
            database, now_ms=terminal.now() * 1000, on_piece=terminal.Progress("Rebuilding")
        )
    is_changed = bool(done.hours or done.months)
    lines = [
        f"Read {done.rows:,} rows. Replaced {done.hours:,} sums by hour and {done.months:,} by month."
        if is_changed
        else f"Read {done.rows:,} rows. All sums were right."
    ]
    if is_changed and settings.counts_in == "memory":
        lines.append("A running server counts in memory: restart it, so that its counters follow.")
    terminal.answer({"rows": done.rows, "hours": done.hours, "months": done.months}, lines, is_json)


async def _compare_counters(database: "Database", redis_url: str, report: "Report") -> None:
    """Those in Redis. Counters in the memory of a server are compared by that server itself."""
    from models import counts, limiter_state
    from models.live import LiveAway, agreement
    from models.live.redis import RedisLive

    state = database.read_now(limiter_state.read, now_ms=terminal.now() * 1000)
    if state.away_ms:
        return
    live = RedisLive(redis_url, known=counts.known_in(database))
    live.generation = state.generation
    try:
        await live.ping()
        report.agree(await agreement.compare(live, database, agreement.accounts_in_use(database, live.now())))
    except LiveAway:
        pass  # the processes count in the database meanwhile, and there is nothing to compare
    finally:
        await live.stop()


def _check_answer(report: "Report") -> dict[str, object]:
    return {
        "rows": report.rows,
        "sums": report.sums,
        "reservations": report.reservations,
        "waiting": report.waiting,
        "counters": report.counters,
        "busy": report.busy,
        "differences": report.differences,
        "lines": report.lines,
    }


def _check_lines(report: "Report") -> list[str]:
    compared = [f"{report.rows:,} rows", f"{report.sums:,} sums", f"{report.reservations:,} reservations"]
    if report.counters:
        compared.append(f"{report.counters:,} counters")
    lines = [f"Compared {', '.join(compared)}."]
    if report.waiting:
        lines.append(f"{report.waiting:,} requests are open and no server runs; the next start settles them.")
    if report.busy:
        lines.append(f"The counters of {report.busy:,} accounts never stood still, so they were left out.")
    if not report.differences:
        return [*lines, "Everything agrees."]
    lines += [f"{report.differences:,} differences:", *report.lines]
    hidden = report.differences - len(report.lines)
    if hidden > 0:
        lines.append(f"... and {hidden:,} more.")
    return [*lines, "`starscoo ledger rebuild` makes the sums anew from the rows."]

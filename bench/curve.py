"""`make bench-curve`: how the cost of a request grows with connections, streams, keys and the ledger's rows.

One gateway at a time: first a fresh one under more and more connections and streams, then others that know more keys or
hold more rows, each beside the fresh one in the same rounds.
"""

import hashlib
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlmodel import Session

from bench import contenders, machine, programs, report, rounds
from bench.contenders import PATH, Contender
from bench.programs import Ask, Programs
from bench.rounds import Load
from models import accounts, keys, limits
from models.database import Database
from models.ledger_sql import FINAL_COLUMNS, OPEN_COLUMNS

CONNECTIONS = (1, 32, 128, 512)
STREAMS = (50, 200, 1_000)
KEYS = (10, 1_000, 100_000)
PLAN = {
    "STARSCOO_STARTER_HOURLY_REQUESTS": "1000000000",
    "STARSCOO_STARTER_MONTHLY_TOKENS": "1000000000000",
    "STARSCOO_STARTER_CONCURRENT_REQUESTS": "100000",
}
"""Limits that every request is checked by and never reaches."""
HISTORY_DAYS = 60
BATCH = 20_000


def draw(*, rows: int, count: int, out: Path, say: Callable[[str], None]) -> None:
    """Measure and print; the JSON goes into `out`."""
    about = machine.described()
    with tempfile.TemporaryDirectory(prefix="starscoo-bench-") as place, ExitStack() as stack:
        directory = Path(place)
        made = programs.compile_programs(directory)
        port, pid = stack.enter_context(programs.upstream(made))
        fresh = stack.enter_context(contenders.starscoo(port, directory, name="fresh"))
        per_stream = memory_per_stream(made, fresh)
        grown = rounds.run(made, pid, [fresh], _loads(), rounds=count, say=say)
        others = [fresh]
        for known in KEYS:
            say(f"making {known:,} keys")
            others.append(stack.enter_context(_with_keys(port, directory, known)))
        say(f"making {rows:,} rows")
        others.append(stack.enter_context(_with_rows(port, directory, rows)))
        loads = [Load("c=32", Ask("gpt-5-mini", 32, 1.0)), Load("c=1", Ask("gpt-5-mini", 1, 0.7))]
        filled = rounds.run(made, pid, others, loads, rounds=count, say=say)
    say(f"\n{_growth(grown)}\n\nmemory per open stream: {per_stream:.0f} kB\n\n{_filled(filled)}\n")
    doubts = rounds.noise(grown) + rounds.noise(filled)
    say("\n".join(doubts) or "The machine was quiet enough to believe this.")
    content = {"machine": about, "kb_per_stream": round(per_stream, 1), "doubts": doubts}
    figures = {"grown": report.figures(grown), "filled": report.figures(filled)}
    report.write_json(out / "curve.json", content | figures)


def memory_per_stream(made: Programs, contender: Contender) -> float:
    """In kB: how much more the gateway holds while a thousand streams are open."""
    many = 1_000
    programs.ask(made, contender.port, PATH, contender.keys, Ask("gpt-5-mini", 1, 1.0))
    before = machine.memory_mb(contender.pids())
    highest = before
    over = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not over.wait(0.05):
            highest = max(highest, machine.memory_mb(contender.pids()))

    watching = threading.Thread(target=watch)
    watching.start()
    asked = Ask("gpt-5-mini", many, 0.1, is_stream=True, chunks=8, gap_ms=500)
    programs.ask(made, contender.port, PATH, contender.keys, asked)
    over.set()
    watching.join()
    return (highest - before) * 1000 / many


def _loads() -> list[Load]:
    plain = [Load(f"c={many}", Ask("gpt-5-mini", many, 1.0)) for many in CONNECTIONS]
    return plain + [
        Load(
            f"{many} streams", Ask("gpt-5-mini", many, 2.6, is_stream=True, gap_ms=20 if many < 500 else 100)
        )
        for many in STREAMS
    ]


def _growth(results: rounds.Results) -> str:
    rows: list[tuple[str, ...]] = [("load", "per second", "CPU us each", "p50 ms", "p99 ms", "kept")]
    for (_, load), samples in results.items():
        is_stream = "chunk_us" in samples.figures
        each, rate = ("chunk_us", "chunks_per_second") if is_stream else ("cpu_us", "per_second")
        times = "delay" if is_stream else "total"
        rows.append(
            (
                load,
                f"{samples.median(rate):,.0f} {'chunks' if is_stream else 'requests'}",
                f"{samples.median(each):,.0f}",
                f"{samples.median(f'{times}_p50') / 1000:.2f}",
                f"{samples.median(f'{times}_p99') / 1000:.2f}",
                f"{samples.median('kept'):.1%}" if is_stream else "",
            )
        )
    return report.table(rows)


def _filled(results: rounds.Results) -> str:
    rows: list[tuple[str, ...]] = [
        ("gateway with", "CPU us/req c=32", "req/s", "p99 ms", "CPU us/req c=1", "p50 ms", "p99 ms")
    ]
    for name in dict.fromkeys(name for name, _ in results):
        many, one = results[name, "c=32"], results[name, "c=1"]
        rows.append(
            (
                name,
                f"{many.median('cpu_us'):,.0f}",
                f"{many.median('per_second'):,.0f}",
                f"{many.median('total_p99') / 1000:.1f}",
                f"{one.median('cpu_us'):,.0f}",
                f"{one.median('total_p50') / 1000:.2f}",
                f"{one.median('total_p99') / 1000:.2f}",
            )
        )
    return report.table(rows)


@contextmanager
def _with_keys(port: int, directory: Path, many: int) -> Iterator[Contender]:
    """One customer with so many keys, all of which are used in turn."""
    name = f"{many:,} keys"
    secrets = _prepared(directory / name.replace(" ", "-"), lambda session: _make_keys(session, many))
    with contenders.starscoo(port, directory, name=name, keys=secrets, **PLAN) as started:
        yield started


@contextmanager
def _with_rows(port: int, directory: Path, many: int) -> Iterator[Contender]:
    name = f"{many:,} rows"
    home = directory / name.replace(" ", "-")
    secrets = _prepared(home, lambda session: _make_keys(session, 1))
    _fill(home / "data" / "starscoo.db", many)
    with contenders.starscoo(port, directory, name=name, keys=secrets, **PLAN) as started:
        yield started


def _prepared(home: Path, work: Callable[[Session], list[str]]) -> list[str]:
    home.mkdir()
    database = Database(f"sqlite:///{home}/data/starscoo.db", durability="normal")
    try:
        database.migrate()
        return database.run_now(work)
    finally:
        database.close()


def _make_keys(session: Session, many: int) -> list[str]:
    limits.ensure_plans(session, starter_requests=10**9, starter_tokens=10**12)
    now = int(time.time())
    account = accounts.ensure(session, "bench@example.com", plan="starter", now=now)
    assert account.id is not None
    first = keys.issue(session, account.id, "bench", actor="bench", now=now)
    # The first is made as everybody's are; the others are copies of its row with secrets of the same form.
    made = [first.secret]
    rows = []
    for _ in range(many - 1):
        secret = keys.new_secret()
        made.append(secret)
        rows.append(
            {
                "public_id": keys.public_id(secret),
                "account_id": account.id,
                "name": "bench",
                "digest": hashlib.sha256(secret.encode()).hexdigest(),
                "last4": secret[-4:],
                "created_at": now,
            }
        )
    if rows:
        session.connection().execute(keys.ApiKey.__table__.insert(), rows)  # type: ignore[attr-defined]
    return made


def _fill(file: Path, many: int) -> None:
    """Final rows of the last weeks, spread over other keys, with ids of the form that the gateway gives."""
    columns = (*OPEN_COLUMNS, *FINAL_COLUMNS)
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO requests ({', '.join(columns)}) VALUES ({marks})"
    end_ms = int(time.time()) // 3600 * 3_600_000
    apart_ms = HISTORY_DAYS * 86_400_000 / many
    with sqlite3.connect(file) as connection:
        for start in range(0, many, BATCH):
            connection.executemany(
                insert, (_row(n, end_ms - int(n * apart_ms)) for n in range(start, min(many, start + BATCH)))
            )
            connection.commit()
    connection.close()


def _row(number: int, admitted_ms: int) -> tuple[object, ...]:
    request_id = "req_" + hashlib.sha256(str(number).encode()).hexdigest()[:24]
    known = (request_id, 1, 1, "gpt-5-mini", admitted_ms, admitted_ms // 3_600_000, False, 0, 0)
    ended = ("final", "ok", 200, None, "stop", None, 31, 0, 0, 36, 0, 67, False, 100_000, None, 900)
    return (*known, *ended)

"""`starscoo demo`: the whole product with a sandbox upstream, an admin, a customer with a month of usage, and two more
whose requests are many.

It has a database of its own, so nothing of it ever gets into what `serve` keeps. Passwords and the customer's key
are random, made at the first start and kept beside the database for the next one. The month is written after the
server has begun to answer, in one short transaction per day, the busy customers' days after it; a later start adds
the days that are missing.
"""

import asyncio
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from sqlmodel import Session

from api.pricing import cost
from app import demo_crowd, demo_history
from app.demo_crowd import Crowd
from app.demo_history import Customer
from app.main import Starscoo, serve
from app.settings import Settings
from models import accounts, counts, keys, ledger, limits, passwords, refusals
from models.database import Database
from models.live.memory import MemoryLive
from models.windows import DAY

DATABASE: Final = Path("data/demo.db")
KEPT: Final = Path("data/demo.json")
ADMIN: Final = "admin@example.com"
CUSTOMER: Final = "alice@example.com"
DAYS: Final = 30
POPULAR: Final = ("gpt-5-mini", "claude-sonnet-4-6", "gpt-5", "codex-1", "claude-opus-4-7")
CHAT, REPORT, OWN = "Website chat", "Nightly report", "My first key"

_PAUSE_S: Final = 0.02
"""Between two days, so that the ledger's own writes come in between."""
_CROWD_PAUSE_S: Final = 0.25
"""Longer, as those days take a tenth of a second each: whoever tries the demo meanwhile must not notice."""

_background: set[asyncio.Task[None]] = set()


@dataclass(frozen=True, slots=True)
class Kept:
    """What opens the demo, from one start to the next."""

    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    customer_password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    key: str = ""


@dataclass(frozen=True, slots=True)
class Furnished:
    """The customer and his keys, as they stand in the tables."""

    account_id: int
    chat_key: int
    report_key: int
    secret: str


def run(settings: Settings) -> None:
    """Serve the demo until a signal ends it. Raises as `app.main.serve` does."""
    settings = settings.model_copy(
        update={"database_url": f"sqlite:///{DATABASE}", "redis_url": None, "limiter": "memory"}
    )
    kept = _read_kept()
    furnished = _furnish(settings, kept)
    kept = Kept(kept.admin_password, kept.customer_password, furnished.secret)
    _write_kept(kept)
    serve(settings, is_sandbox=True, on_started=partial(_welcome, settings, kept, furnished))


def _welcome(settings: Settings, kept: Kept, furnished: Furnished, starscoo: Starscoo) -> None:
    """Called in the loop when the first request can be answered."""
    offered = starscoo.services.catalog.models
    models = sorted(
        offered.values(), key=lambda one: POPULAR.index(one.id) if one.id in POPULAR else len(POPULAR)
    )
    print(_words(settings.address, kept, models[0].id), flush=True)
    customer = Customer(
        account_id=furnished.account_id,
        chat_key=furnished.chat_key,
        report_key=furnished.report_key,
        models=models,
        hourly_requests=settings.starter_hourly_requests,
        monthly_tokens=settings.starter_monthly_tokens,
        cost=cost,
    )
    history = _write_history(starscoo, customer, kept.customer_password)
    task = asyncio.get_running_loop().create_task(history, name="demo history")
    _background.add(task)
    task.add_done_callback(_background.discard)


def _words(address: str, kept: Kept, model: str) -> str:
    question = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    return f"""
Starscoo is ready. A sandbox stands in for the providers: it needs no key, and nothing leaves this machine.

  Dashboard  {address}
  Customer   {CUSTOMER}  {kept.customer_password}
  Busy one   {demo_crowd.MEMBERS[0].email}  {kept.customer_password}
  Admin      {ADMIN}  {kept.admin_password}

Try it:

curl {address}/v1/chat/completions \\
  -H "Authorization: Bearer {kept.key}" \\
  -H "Content-Type: application/json" \\
  -d '{question}'

Everything is kept in {DATABASE} and {KEPT}. Ctrl-C stops it. Commands beside it need its database:
STARSCOO_DATABASE_URL=sqlite:///{DATABASE} .venv/bin/starscoo keys list --email {CUSTOMER}
"""


async def _write_history(starscoo: Starscoo, customer: Customer, password: str) -> None:
    """The last days, oldest first, then the busy customers, newest day first."""
    database = starscoo.database
    now = starscoo.services.now()
    told = await database.read(refusals.last, customer.account_id, 1_000)
    known = {line.request_id for line in told}
    for start in demo_history.days(now, DAYS):
        if starscoo.pipeline.is_draining:
            return
        past = demo_history.day(customer, start, until=now)
        await asyncio.to_thread(_write, database, past, customer.chat_key, known)
        await asyncio.sleep(_PAUSE_S)
    await _fill_counters(starscoo)
    for member in demo_crowd.MEMBERS:
        account_id, key_ids = await asyncio.to_thread(demo_crowd.join, database, member, password, now=now)
        crowd = Crowd(member.email, account_id, key_ids, customer.models, member.per_day, cost)
        for start in await asyncio.to_thread(demo_crowd.missing, database, crowd, now=now):
            if starscoo.pipeline.is_draining:
                return
            await asyncio.to_thread(demo_crowd.write, database, crowd, start, until=now)
            await _fill_counters(starscoo)
            await asyncio.sleep(_CROWD_PAUSE_S)


async def _fill_counters(starscoo: Starscoo) -> None:
    """The counters of the limits anew: they were filled before these rows."""
    while starscoo.pipeline.parts.running:
        await asyncio.wait(starscoo.pipeline.parts.running)
    # Read in the loop's own thread on purpose: no request can come between what is read and what is set.
    assert isinstance(starscoo.live, MemoryLive)
    starscoo.live.fill(starscoo.database.read_now(counts.counted_of_all, now=starscoo.services.now()))


def _write(database: Database, past: demo_history.Day, chat_key: int, known: set[str]) -> None:
    """The chat streams its answers, the report does not."""
    refused = [line for line in past.refused if line.request_id not in known]
    streams = [demo_crowd.opened(row) for row in past.finals if row.key_id == chat_key]
    with database.write_batch() as connection:
        ledger.write(connection, streams, past.finals, refused)


def _furnish(settings: Settings, kept: Kept) -> Furnished:
    database = Database(settings.database_url, durability=settings.durability)
    try:
        database.migrate()
        database.run_now(
            limits.ensure_plans,
            starter_requests=settings.starter_hourly_requests,
            starter_tokens=settings.starter_monthly_tokens,
            starter_concurrent=settings.starter_concurrent_requests,
        )
        return database.run_now(_people, kept, settings.starter_hourly_requests, now=int(time.time()))
    finally:
        database.close()


def _people(session: Session, kept: Kept, hourly_requests: int, *, now: int) -> Furnished:
    """Both accounts with the passwords that are printed, and the customer's keys."""
    begin = now - (DAYS + 1) * DAY
    for email, password in ((ADMIN, kept.admin_password), (CUSTOMER, kept.customer_password)):
        account = accounts.ensure(session, email, plan="starter", now=begin)
        if not passwords.verify(password, account.password_hash):
            accounts.set_password(session, account.id, passwords.hash_password(password), now=now)
    accounts.set_admin(session, ADMIN, True, actor="demo", now=now)
    listed = keys.listing(session, account.id, now=now)
    own = {line.key.name: line.key.id for line in reversed(listed)}
    for name, limit in ((CHAT, None), (REPORT, demo_history.report_limit(hourly_requests))):
        if name not in own:
            key = keys.issue(session, account.id, name, actor=CUSTOMER, now=begin).key
            own[name] = key.id
            if limit is not None:
                limits.set_key_limit(
                    session, account.id, key.public_id, "hourly_requests", limit, actor=CUSTOMER, now=begin
                )
    return Furnished(account.id, own[CHAT], own[REPORT], _own_key(session, account.id, kept.key, now))


def _own_key(session: Session, account_id: int, secret: str, now: int) -> str:
    """The key that was kept, or a new one when it was revoked or replaced, or belongs to a database that is gone."""
    found = keys.authenticate(session, keys.digest(secret), now=now)
    if found is not None and found.account_id == account_id and found.replaced_at is None:
        return secret
    return keys.issue(session, account_id, OWN, actor=CUSTOMER, now=now).secret


def _read_kept() -> Kept:
    try:
        return Kept(**json.loads(KEPT.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return Kept()


def _write_kept(kept: Kept) -> None:
    """Readable by its owner alone, and never half written."""
    fresh = KEPT.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(kept), file, indent=2)
    fresh.replace(KEPT)

"""The `starscoo` command (the same as `python -m app`), for operators and scripts.

Every command but `serve` and `demo` works on the database directly, whether or not a server runs: keys, limits
and roles that it changes bind in a running server within a second, because each change leaves a row that servers
look for. `--json` prints exactly one JSON object on standard output. What cannot be done is one line on standard
error; the exit code is then 1, or 2 when the command line or a setting is wrong.

Anything slow to import is imported where it is used, so that help and mistakes answer at once.
"""

import json
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

if TYPE_CHECKING:
    from sqlmodel import Session

    from app.main import Starscoo
    from app.settings import Settings
    from models.database import Database
    from models.live import Limit

ACTOR = "command line"

commands = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)
keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")
admin = typer.Typer(no_args_is_help=True, help="Say who is an admin.")
users = typer.Typer(no_args_is_help=True, help="Help people with their accounts.")
catalog = typer.Typer(no_args_is_help=True, help="Look after the models and their prices.")
commands.add_typer(keys, name="keys")
commands.add_typer(admin, name="admin")
commands.add_typer(users, name="users")
commands.add_typer(catalog, name="catalog")

Email = Annotated[str, typer.Option("--email", help="The account's email address.")]
EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's email address.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in 10 characters or more, for the audit trail.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Ends the process; never with a traceback for what a person can put right."""
    try:
        status = commands(arguments, prog_name="starscoo", standalone_mode=False)
    except TyperException as mistake:
        _stop(mistake.format_message(), 2)
    except Exception as error:
        _stop(_explained(error), 1)
    raise SystemExit(status)


@commands.callback()
def starscoo() -> None:
    """Starscoo, a self-hosted, OpenAI-compatible LLM gateway with a dashboard. Settings: see README.md."""


@commands.command()
def serve() -> None:
    """Start the server. Tables are made and migrated by themselves."""
    settings = _settings()
    _check_place(settings)
    from app import main as house

    house.serve(settings, on_started=_announce)


def _announce(starscoo: "Starscoo") -> None:
    """What an operator wants to know first: where it is, and what does not answer yet."""
    print(f"\nStarscoo is ready at {starscoo.settings.address}", flush=True)
    services = starscoo.services
    missing = [name for name in services.catalog.models if not services.is_available(name)]
    if missing:
        print(
            f"Without an upstream credential, so they answer 503: {', '.join(missing)}.\n"
            "Set OPENAI_API_KEY or ANTHROPIC_API_KEY, or try everything with `starscoo demo`.",
            flush=True,
        )


@commands.command()
def demo() -> None:
    """Start the server with a sandbox upstream, two accounts and a month of usage, on a database of its own."""
    settings = _settings()
    _check_place(settings)
    from app import demo as show

    show.run(settings)


@keys.command("create")
def create_key(
    email: Email,
    name: Annotated[str, typer.Option("--name", help="What the key is for.")] = "command line",
    hourly_requests: Annotated[
        int | None, typer.Option("--hourly-requests", min=0, help="The key's own ceiling per hour.")
    ] = None,
    monthly_tokens: Annotated[
        int | None, typer.Option("--monthly-tokens", min=0, help="The key's own cap per month.")
    ] = None,
    is_json: Json = False,
) -> None:
    """Make a key, and its account when there is none (on the plan `unlimited`). The key is shown only now."""
    limits: dict[Limit, int | None] = {"hourly_requests": hourly_requests, "monthly_tokens": monthly_tokens}
    with _database() as (database, settings):
        answer = database.run_now(_issue, settings, email, name, limits)
    _print(
        answer, [f"id   {answer['id']}", f"key  {answer['key']}", "Keep it: it is shown only now."], is_json
    )


@keys.command("list")
def list_keys(email: Email, is_json: Json = False) -> None:
    """Show an account's keys."""
    with _database() as (database, _):
        listed = database.read_now(_listing, email)
    rows = [("id", "key", "name", "requests this hour", "tokens this month", "last used", "revoked")]
    rows += [
        (
            key["id"],
            key["masked"],
            key["name"],
            f"{key['requests_hour']:,}",
            f"{key['tokens_month']:,}",
            _time(key["last_used_at"]),
            _time(key["revoked_at"]),
        )
        for key in listed
    ]
    _print({"keys": listed}, _columns(rows), is_json)


@keys.command("revoke")
def revoke_key(key_id: KeyId, is_json: Json = False) -> None:
    """End a key for good. Requests with it are refused within a second."""
    from models import keys as operations

    with _database() as (database, _):
        database.run_now(operations.revoke_by_id, key_id, actor=ACTOR, now=_now())
    _print({"id": key_id, "is_revoked": True}, [f"Revoked {key_id}."], is_json)


@commands.command()
def usage(
    key_id: Annotated[str, typer.Option("--key", metavar="ID", help="The key's id.")], is_json: Json = False
) -> None:
    """Show what a key has used since it was made: settled requests of any outcome."""
    from models import usage as operations

    with _database() as (database, _):
        used = database.read_now(operations.of_key, key_id)
    answer = {
        "requests": used.requests,
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.total_tokens,
    }
    _print(answer, [f"{name.replace('_', ' '):18}{count:,}" for name, count in answer.items()], is_json)


@admin.command("grant")
def grant_admin(email: EmailArgument, is_json: Json = False) -> None:
    """Make somebody an admin. They log in anew."""
    _set_admin(email, True, is_json)


@admin.command("revoke")
def revoke_admin(email: EmailArgument, is_json: Json = False) -> None:
    """Make an admin a customer again. They log in anew."""
    _set_admin(email, False, is_json)


@users.command("reset-link")
def reset_link(email: EmailArgument, is_json: Json = False) -> None:
    """Print a link with which a password can be set once, within an hour."""
    now = _now()
    with _database() as (database, settings):
        token = database.run_now(_issue_reset, email, now)
    from models.logins import RESET_S

    link = f"{settings.address}/reset/{token}"
    _print(
        {"email": email, "link": link, "ends_at": now + RESET_S},
        [link, "It works once, for an hour."],
        is_json,
    )


@users.command("suspend")
def suspend_account(email: EmailArgument, reason: Reason, is_json: Json = False) -> None:
    """Refuse an account's keys and logins within a second. Nothing is deleted."""
    from models import customers

    with _database() as (database, _):
        account_id = database.read_now(_account_id, email)
        database.run_now(customers.suspend, account_id, actor=ACTOR, reason=reason, now=_now())
    _print({"email": email, "is_suspended": True}, [f"Suspended {email}."], is_json)


@users.command("resume")
def resume_account(email: EmailArgument, reason: Reason, is_json: Json = False) -> None:
    """Let a suspended account work again. People log in anew."""
    from models import customers

    with _database() as (database, _):
        account_id = database.read_now(_account_id, email)
        database.run_now(customers.resume, account_id, actor=ACTOR, reason=reason, now=_now())
    _print({"email": email, "is_suspended": False}, [f"{email} works again."], is_json)


@catalog.command("prices")
def catalog_prices(
    is_write: Annotated[bool, typer.Option("--write", help="Bring the file up to date.")] = False,
    is_json: Json = False,
) -> None:
    """Show where the catalog's prices differ from those of the installed genai-prices. Nothing is fetched."""
    from app import catalog_prices as prices
    from models import catalog as file

    path = _settings().catalog or file.default_path()
    now = _now()
    found = prices.compare(file.load(path), now=now)
    if is_write and found.differences:
        prices.write(path, found, now=now)
    rows = [("model", "price", "here", "there")]
    rows += [
        (one.upstream_id, one.key, prices.dollars(one.here), prices.dollars(one.there))
        for one in found.differences
    ]
    lines = list(_columns(rows)) if found.differences else [f"All prices are those of {found.source}."]
    lines += [f"{name} is not known to {found.source}." for name in found.unknown]
    lines += (
        [f"Written to {path}. Restart the server to bill by it."] if is_write and found.differences else []
    )
    answer = {
        "differences": [
            {"model": one.upstream_id, "price": one.key, "here": str(one.here), "there": str(one.there)}
            for one in found.differences
        ],
        "unknown": found.unknown,
        "source": found.source,
        "is_written": is_write and bool(found.differences),
    }
    _print(answer, lines, is_json)


def _issue(
    session: "Session", settings: "Settings", email: str, name: str, limits: "dict[Limit, int | None]"
) -> dict[str, str]:
    """All or nothing: a limit that is refused leaves neither key nor account behind."""
    from models import accounts, keys
    from models import limits as limit_rules

    now = _now()
    if session.get(limit_rules.Plan, "unlimited") is None:
        limit_rules.ensure_plans(
            session,
            starter_requests=settings.starter_hourly_requests,
            starter_tokens=settings.starter_monthly_tokens,
            starter_concurrent=settings.starter_concurrent_requests,
        )
    account = accounts.ensure(session, email, plan="unlimited", now=now)
    issued = keys.issue(session, account.id, name, actor=ACTOR, now=now)
    public_id = issued.key.public_id
    for limit, value in limits.items():
        if value is not None:
            limit_rules.set_key_limit(
                session, account.id, public_id, limit, value, actor=ACTOR, is_staff=True, now=now
            )
    return {"id": public_id, "key": issued.secret}


def _listing(session: "Session", email: str) -> list[dict[str, Any]]:
    from models import keys

    lines = keys.listing(session, _account_id(session, email), now=_now())
    return [
        {
            "id": line.key.public_id,
            "name": line.key.name,
            "masked": keys.masked(line.key),
            "created_at": line.key.created_at,
            "revoked_at": line.key.revoked_at,
            "last_used_at": line.last_used_at,
            "requests_hour": line.requests_hour,
            "tokens_month": line.tokens_month,
        }
        for line in lines
    ]


def _set_admin(email: str, is_admin: bool, is_json: bool) -> None:
    from models import accounts

    with _database() as (database, _):
        account = database.run_now(accounts.set_admin, email, is_admin, actor=ACTOR, now=_now())
    role = "an admin" if is_admin else "a customer"
    _print({"email": account.email, "is_admin": account.is_admin}, [f"{account.email} is {role}."], is_json)


def _issue_reset(session: "Session", email: str, now: int) -> str:
    from models import logins

    return logins.issue_reset(session, _account_id(session, email), actor=ACTOR, now=now)


def _account_id(session: "Session", email: str) -> int:
    from models import accounts

    account = accounts.find_by_email(session, email)
    if account is None:
        raise accounts.NoSuchAccount
    return account.id


def _settings() -> "Settings":
    from app import settings

    return settings.load()


@contextmanager
def _database() -> Iterator[tuple["Database", "Settings"]]:
    """The database of the settings with its tables in place: the first key may be made before the first start."""
    settings = _settings()
    import models.keys  # noqa: F401  # the tables refer to one another, so all of them must be known
    from models.database import Database

    database = Database(settings.database_url, durability=settings.durability)
    try:
        database.migrate()
        yield database, settings
    finally:
        database.close()


def _check_place(settings: "Settings") -> None:
    """The commonest failure of a first start, told before anything is made: something else is on the port."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        with socket.create_server((settings.host, settings.port), family=found[0][0]):
            pass
    except OSError as error:
        _stop(
            f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}. "
            "Stop what uses it, or choose others: STARSCOO_HOST, STARSCOO_PORT.",
            1,
        )


def _now() -> int:
    return int(time.time())


def _time(moment: int | None) -> str:
    return "-" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _print(answer: dict[str, Any], lines: Iterable[str], is_json: bool) -> None:
    print(json.dumps(answer) if is_json else "\n".join(lines))


def _explained(error: Exception) -> str:
    """One line for what people can put right. Anything else is a bug, and its traceback is wanted."""
    from sqlalchemy.exc import DBAPIError

    from models.database import Refused

    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, DBAPIError):
        return f"The database does not answer: {error.orig}"
    raise error


def _stop(words: str, status: int) -> NoReturn:
    is_help = words.startswith("Usage:")
    print(words if is_help else f"starscoo: {' '.join(words.split())}", file=sys.stderr)
    raise SystemExit(status)

"""The `starscoo` command (the same as `python -m app`), for operators and scripts.

Every command but `serve` and `demo` works on the database directly, whether or not a server runs: keys, limits
and roles that it changes bind in a running server within a second, because each change leaves a row that servers
look for. `--json` prints exactly one JSON object on standard output. What cannot be done is one line on standard
error; the exit code is then 1, or 2 when the command line or a setting is wrong.

Anything slow to import is imported where it is used, so that help and mistakes answer at once.
"""

import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from app import backup_commands, ledger_commands, terminal
from app.terminal import ACTOR, Json

if TYPE_CHECKING:
    from sqlmodel import Session

    from app.main import Starscoo
    from app.settings import Settings
    from models.live import Limit

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
commands.add_typer(ledger_commands.ledger, name="ledger")
commands.command()(backup_commands.backup)
commands.command()(backup_commands.restore)

Email = Annotated[str, typer.Option("--email", help="The account's email address.")]
EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's email address.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in 10 characters or more, for the audit trail.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script. Ends the process; never with a traceback for what a person can put right."""
    try:
        status = commands(arguments, prog_name="starscoo", standalone_mode=False)
    except TyperException as mistake:
        terminal.stop(mistake.format_message(), 2)
    except Exception as error:
        terminal.stop(_explained(error), 1)
    raise SystemExit(status)


@commands.callback()
def starscoo() -> None:
    """Starscoo, a self-hosted, OpenAI-compatible LLM gateway with a dashboard. Settings: see README.md."""


@commands.command()
def serve() -> None:
    """Start the server. Tables are made and migrated by themselves."""
    settings = terminal.settings()
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
    """Start the server with a sandbox upstream, four accounts and 200,000 requests, on a database of its own."""
    settings = terminal.settings()
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
    with terminal.database() as (database, settings):
        answer = database.run_now(_issue, settings, email, name, limits)
    terminal.answer(
        answer, [f"id   {answer['id']}", f"key  {answer['key']}", "Keep it: it is shown only now."], is_json
    )


@keys.command("list")
def list_keys(email: Email, is_json: Json = False) -> None:
    """Show an account's keys."""
    with terminal.database() as (database, _):
        listed = database.read_now(_listing, email)
    rows = [("id", "key", "name", "requests this hour", "tokens this month", "last used", "state")]
    rows += [
        (
            key["id"],
            key["masked"],
            key["name"],
            f"{key['requests_hour']:,}",
            f"{key['tokens_month']:,}",
            terminal.moment(key["last_used_at"]),
            key["state"],
        )
        for key in listed
    ]
    terminal.answer({"keys": listed}, terminal.columns(rows), is_json)


@keys.command("revoke")
def revoke_key(key_id: KeyId, is_json: Json = False) -> None:
    """End a key for good. Requests with it are refused within a second."""
    from models import keys as operations

    with terminal.database() as (database, _):
        database.run_now(operations.revoke_by_id, key_id, actor=ACTOR, now=terminal.now())
    terminal.answer({"id": key_id, "is_revoked": True}, [f"Revoked {key_id}."], is_json)


@keys.command("pause")
def pause_key(key_id: KeyId, is_json: Json = False) -> None:
    """Refuse a key until it is resumed. Requests with it get 403 within a second."""
    from models import key_settings

    _change_key(key_id, key_settings.pause)
    terminal.answer({"id": key_id, "is_paused": True}, [f"Paused {key_id}."], is_json)


@keys.command("resume")
def resume_key(key_id: KeyId, is_json: Json = False) -> None:
    """Let a paused key in again."""
    from models import key_settings

    _change_key(key_id, key_settings.resume)
    terminal.answer({"id": key_id, "is_paused": False}, [f"Resumed {key_id}."], is_json)


@keys.command("rotate")
def rotate_key(
    key_id: KeyId,
    overlap_hours: Annotated[
        int, typer.Option("--overlap-hours", help="How long the old secret stays: 0, 1, 24 or 168 hours.")
    ] = 24,
    is_json: Json = False,
) -> None:
    """Give a key a new secret, shown only now. The old one stays for a while, so that programs can be switched."""
    from models import rotation

    issued = _change_key(key_id, partial(rotation.rotate, overlap_s=overlap_hours * 3600))
    answer = {"id": key_id, "key": issued.secret, "old_ends_at": issued.key.old_until}
    lines = [
        f"id   {key_id}",
        f"key  {issued.secret}",
        "Keep it: it is shown only now.",
        f"The old secret, …{issued.key.old_last4}, ends {terminal.moment(issued.key.old_until)}.",
    ]
    terminal.answer(answer, lines, is_json)


@commands.command()
def usage(
    key_id: Annotated[str, typer.Option("--key", metavar="ID", help="The key's id.")], is_json: Json = False
) -> None:
    """Show what a key has used since it was made: settled requests of any outcome."""
    from models import usage as operations

    with terminal.database() as (database, _):
        used = database.read_now(operations.of_key, key_id)
    answer = {
        "requests": used.requests,
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "total_tokens": used.total_tokens,
    }
    terminal.answer(
        answer, [f"{name.replace('_', ' '):18}{count:,}" for name, count in answer.items()], is_json
    )


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
    now = terminal.now()
    with terminal.database() as (database, settings):
        token = database.run_now(_issue_reset, email, now)
    from models.logins import RESET_S

    link = f"{settings.address}/reset/{token}"
    terminal.answer(
        {"email": email, "link": link, "ends_at": now + RESET_S},
        [link, "It works once, for an hour."],
        is_json,
    )


@users.command("suspend")
def suspend_account(email: EmailArgument, reason: Reason, is_json: Json = False) -> None:
    """Refuse an account's keys and logins within a second. Nothing is deleted."""
    from models import customers

    with terminal.database() as (database, _):
        account_id = database.read_now(_account_id, email)
        database.run_now(customers.suspend, account_id, actor=ACTOR, reason=reason, now=terminal.now())
    terminal.answer({"email": email, "is_suspended": True}, [f"Suspended {email}."], is_json)


@users.command("resume")
def resume_account(email: EmailArgument, reason: Reason, is_json: Json = False) -> None:
    """Let a suspended account work again. People log in anew."""
    from models import customers

    with terminal.database() as (database, _):
        account_id = database.read_now(_account_id, email)
        database.run_now(customers.resume, account_id, actor=ACTOR, reason=reason, now=terminal.now())
    terminal.answer({"email": email, "is_suspended": False}, [f"{email} works again."], is_json)


@catalog.command("prices")
def catalog_prices(
    is_write: Annotated[bool, typer.Option("--write", help="Bring the file up to date.")] = False,
    is_json: Json = False,
) -> None:
    """Show where the catalog's prices differ from those of the installed genai-prices. Nothing is fetched."""
    from app import catalog_prices as prices
    from models import catalog as file

    path = terminal.settings().catalog or file.default_path()
    now = terminal.now()
    found = prices.compare(file.load(path), now=now)
    if is_write and found.differences:
        prices.write(path, found, now=now)
    rows = [("model", "price", "here", "there")]
    rows += [
        (one.upstream_id, one.key, prices.dollars(one.here), prices.dollars(one.there))
        for one in found.differences
    ]
    lines = (
        list(terminal.columns(rows)) if found.differences else [f"All prices are those of {found.source}."]
    )
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
    terminal.answer(answer, lines, is_json)


def _issue(
    session: "Session", settings: "Settings", email: str, name: str, limits: "dict[Limit, int | None]"
) -> dict[str, str]:
    """All or nothing: a limit that is refused leaves neither key nor account behind."""
    from models import accounts, keys
    from models import limits as limit_rules

    now = terminal.now()
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

    now = terminal.now()
    lines = keys.listing(session, _account_id(session, email), now=now)
    return [
        {
            "id": line.key.public_id,
            "name": line.key.name,
            "masked": keys.masked(line.key),
            "created_at": line.key.created_at,
            "revoked_at": line.key.revoked_at,
            "expires_at": line.key.expires_at,
            "state": line.key.state(now),
            "last_used_at": line.last_used_at,
            "requests_hour": line.requests_hour,
            "tokens_month": line.tokens_month,
        }
        for line in lines
    ]


def _change_key(key_id: str, operation: Callable[..., Any]) -> Any:
    """One of the owner's own operations, whoever owns the key."""
    from models import keys as operations

    with terminal.database() as (database, _):
        owner = database.read_now(operations.find, key_id).account_id
        return database.run_now(operation, owner, key_id, actor=ACTOR, now=terminal.now())


def _set_admin(email: str, is_admin: bool, is_json: bool) -> None:
    from models import accounts

    with terminal.database() as (database, _):
        account = database.run_now(accounts.set_admin, email, is_admin, actor=ACTOR, now=terminal.now())
    role = "an admin" if is_admin else "a customer"
    terminal.answer(
        {"email": account.email, "is_admin": account.is_admin}, [f"{account.email} is {role}."], is_json
    )


def _issue_reset(session: "Session", email: str, now: int) -> str:
    from models import logins

    return logins.issue_reset(session, _account_id(session, email), actor=ACTOR, now=now)


def _account_id(session: "Session", email: str) -> int:
    from models import accounts

    account = accounts.find_by_email(session, email)
    if account is None:
        raise accounts.NoSuchAccount
    return account.id


def _check_place(settings: "Settings") -> None:
    """The commonest failure of a first start, told before anything is made: something else is on the port."""
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        with socket.create_server((settings.host, settings.port), family=found[0][0]):
            pass
    except OSError as error:
        terminal.stop(
            f"Cannot listen on {settings.host}, port {settings.port}: {error.strerror}. "
            "Stop what uses it, or choose others: STARSCOO_HOST, STARSCOO_PORT.",
            1,
        )


def _explained(error: Exception) -> str:
    """One line for what people can put right. Anything else is a bug, and its traceback is wanted."""
    from sqlalchemy.exc import DBAPIError

    from models.database import Refused

    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, DBAPIError):
        return f"The database does not answer: {error.orig}"
    raise error

"""Every option of Starscoo, read from the environment and from `.env` in the working directory.

The environment wins. An option's description says what it is, its unit, and why the default is what it is;
the table in README.md is made of it and a test keeps both equal. An empty value counts as absent. A wrong
value stops the start with one line that names the variable; what may hold a secret is never repeated in it.
"""

import ipaddress
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "STARSCOO_"
Limiter = Literal["memory", "redis", "database"]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an option may be, in words. `is_private`: its value is kept out of messages."""

    words: str
    is_private: bool = False


def _database_url(url: str) -> str:
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return url
    if url.startswith("postgresql://") and urlsplit(url).path.strip("/"):
        return url
    raise ValueError("not a database this program can use")


def _redis_url(url: str) -> str:
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("not the address of a Redis server")
    return url


def _web_address(url: str) -> str:
    """Without a slash at the end, so that paths can be added to it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not a web address")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("more than a plain web address")
    return url.rstrip("/")


def _smtp_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
        raise ValueError("not the address of a mail server")
    if bool(parts.username) != bool(parts.password):
        raise ValueError("a user and a password belong together")
    if parts.query not in ("", "tls=off") or (parts.query and parts.scheme == "smtps"):
        raise ValueError("only smtp:// may be followed by ?tls=off")
    _ = parts.port  # raises for what is no port
    return url


def _sender(text: str) -> str:
    address = parseaddr(text)[1]
    if not text.isprintable() or not all(address.rpartition("@")):
        raise ValueError("not an address to send from")
    return text


def _origin(url: str) -> str:
    url = _web_address(url)
    if urlsplit(url).path:
        raise ValueError("it holds a path, and Starscoo is served from the root of its address")
    return url


def _without_version(url: str) -> str:
    url = _web_address(url)
    if url.endswith("/v1"):
        raise ValueError("it ends in /v1, which is added to it")
    return url


def _credential(secret: SecretStr) -> SecretStr:
    """Files that hold a key often end in a newline; anything else unprintable would break a header."""
    text = secret.get_secret_value().strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("it holds characters that no key has")
    return SecretStr(text)


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("no such file")
    return path


def _networks(value: object) -> object:
    """`10.0.0.1, 10.1.0.0/16` -> its parts, each checked."""
    if not isinstance(value, str):
        return value
    parts = tuple(part.strip() for part in value.split(",") if part.strip())
    for part in parts:
        if part != "*":
            ipaddress.ip_network(part)
    return parts


WebAddress = Annotated[
    str, AfterValidator(_web_address), Allowed("an address such as https://api.example.com/v1")
]
Origin = Annotated[
    str,
    AfterValidator(_origin),
    Allowed("http:// or https:// with a host and no path, such as https://llm.example.com"),
]
SmtpUrl = Annotated[
    str,
    AfterValidator(_smtp_url),
    Allowed("smtp://user:password@host:587 or smtps://user:password@host:465", is_private=True),
]
Sender = Annotated[str, AfterValidator(_sender), Allowed("name@example.com or Starscoo <name@example.com>")]
RedisUrl = Annotated[
    str,
    AfterValidator(_redis_url),
    Allowed("redis://host:6379/0, rediss:// or unix://", is_private=True),
]
ExistingFile = Annotated[Path, AfterValidator(_existing_file), Allowed("the path of a TOML file")]
Credential = Annotated[
    SecretStr, AfterValidator(_credential), Allowed("a key as the provider shows it", is_private=True)
]


class Settings(BaseSettings):
    """All options. They flow down from `app.main` as arguments; nothing below it reads them itself."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
    )

    host: Annotated[str, Allowed("a name or address of this machine")] = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. Only this machine can reach the default, so that nothing is "
        "published by accident; the container image sets `0.0.0.0`.",
    )
    port: Annotated[int, Allowed("a whole number from 1 to 65535")] = Field(
        default=8080,
        ge=1,
        le=65535,
        description="Port to listen on. Above 1024, so no special rights are needed.",
    )
    public_url: Origin | None = Field(
        default=None,
        description="Address under which people reach this server: shown in samples and reset links, and "
        "the only origin whose forms are accepted. Unset: the address each request came to.",
    )
    trusted_proxies: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_networks),
        Allowed("addresses or networks with commas between, such as 10.0.0.5,10.1.0.0/16, or * for any"),
    ] = Field(
        default=(),
        description="Reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. None "
        "by default: anyone could otherwise name his own address and escape the guard against "
        "guessing.",
    )
    database_url: Annotated[
        str,
        AfterValidator(_database_url),
        Allowed("sqlite:///path/to/file.db or postgresql://user:password@host/name", is_private=True),
    ] = Field(
        default="sqlite:///data/starscoo.db",
        repr=False,
        description="Where everything is kept; tables are made and migrated at the start. A SQLite file "
        "needs no server and takes one process; PostgreSQL takes several.",
    )
    durability: Annotated[Literal["full", "normal"], Allowed("full or normal")] = Field(
        default="full",
        description="`full`: an answered request survives a power loss of the database's machine. "
        "`normal`: it survives a crash of the process, and is faster. The ledger is money, so `full`.",
    )
    redis_url: RedisUrl | None = Field(
        default=None,
        repr=False,
        description="Redis that holds the counters of the limits, under a database number of its own; it may "
        "lose everything, and is filled again from the tables.",
    )
    limiter: Annotated[Limiter | None, Allowed("memory, redis or database")] = Field(
        default=None,
        description="Where the limits are counted. `memory`: exact for one process, and the fastest. `redis` and "
        "`database`: exact over several processes on PostgreSQL; while Redis does not answer, the database takes "
        "over. Unset: `redis` where STARSCOO_REDIS_URL is set, else `memory`.",
    )
    catalog: ExistingFile | None = Field(
        default=None,
        description="File that lists the models, their upstream ids and prices. Unset: "
        "`assets/catalog.toml`, the five models that come with Starscoo.",
    )
    upstream_connect_timeout: Annotated[int, Allowed("whole seconds, 1 to 60")] = Field(
        default=10,
        ge=1,
        le=60,
        description="Seconds until a connection to a provider must stand, name look-up and TLS included. A provider "
        "that takes longer is down.",
    )
    upstream_first_byte_timeout: Annotated[int, Allowed("whole seconds, 1 to 3600")] = Field(
        default=600,
        ge=1,
        le=3600,
        description="Seconds from then until the headers of the answer. Long, because a model that reasons is silent "
        "for minutes when its answer is not streamed.",
    )
    upstream_timeout: Annotated[int, Allowed("whole seconds, 1 to 3600")] = Field(
        default=600,
        ge=1,
        le=3600,
        description="Seconds without a byte inside an answer before it is given up: a stream may be silent for as "
        "long as its model reasons.",
    )
    upstream_total_timeout: Annotated[int, Allowed("whole seconds, 1 to 7200")] = Field(
        default=900,
        ge=1,
        le=7200,
        description="Seconds for an answer that is not streamed, from its beginning to its end. Clients give up "
        "after 600 by themselves; who needs longer answers streams them.",
    )
    max_body: Annotated[ByteSize, Allowed("bytes, or with a unit such as 32MiB; 64KiB to 1GiB")] = Field(
        default=ByteSize(32 * 1024 * 1024),
        ge=64 * 1024,
        le=1024**3,
        description="Largest request body in bytes; `32MiB` may be written. It holds a long conversation "
        "with several images, and bounds what one request can cost in memory.",
    )
    keep_requests_days: Annotated[int, Allowed("whole days, 1 to 3650")] = Field(
        default=90,
        ge=1,
        le=3650,
        description="Days for which the rows of single requests and refusals are kept. The sums by hour and month, "
        "which the usage pages and the caps are made of, are kept for ever.",
    )
    signup: Annotated[Literal["open", "closed"], Allowed("open or closed")] = Field(
        default="open",
        description="Whether people may make accounts by themselves. They start on the plan `starter`, "
        "and nobody becomes an admin by signing up. `closed`: accounts come from the command "
        "line.",
    )
    smtp_url: SmtpUrl | None = Field(
        default=None,
        repr=False,
        description="Mail server for confirming addresses, password resets and notices: `smtp://` demands "
        "STARTTLS unless `?tls=off` ends it or the server is this machine, `smtps://` is TLS. It needs "
        "STARSCOO_PUBLIC_URL, with which the links begin. New accounts then start on the small plan `unverified` and "
        "move to `starter` once their address is confirmed. Unset: no mail; reset links come from an admin or the "
        "command line, and addresses are not confirmed.",
    )
    mail_from: Sender | None = Field(
        default=None,
        description="Sender of the mails. Unset: `no-reply` at the host of STARSCOO_PUBLIC_URL.",
    )
    starter_hourly_requests: Annotated[int, Allowed("a whole number from 0")] = Field(
        default=1_000,
        ge=0,
        description="Requests an hour on the plan `starter`: enough to build with, too few to be a burden.",
    )
    starter_monthly_tokens: Annotated[int, Allowed("a whole number from 0")] = Field(
        default=5_000_000,
        ge=0,
        description="Tokens a month on the plan `starter`: bounds what a new account can cost the operator.",
    )
    starter_concurrent_requests: Annotated[int, Allowed("a whole number from 1")] = Field(
        default=100,
        ge=1,
        description="Requests that one key may run at once on the plan `starter`: one customer's burst leaves room "
        "for the others.",
    )
    openai_api_key: Credential | None = Field(
        default=None,
        validation_alias="OPENAI_API_KEY",
        description="Your key at OpenAI. Unset: its models answer 503 `upstream_unavailable`.",
    )
    openai_base_url: WebAddress = Field(
        default="https://api.openai.com/v1",
        validation_alias="OPENAI_BASE_URL",
        description="Address of OpenAI, with `/v1` as in its own SDK.",
    )
    anthropic_api_key: Credential | None = Field(
        default=None,
        validation_alias="ANTHROPIC_API_KEY",
        description="Your key at Anthropic. Unset: its models answer 503 `upstream_unavailable`.",
    )
    anthropic_base_url: Annotated[
        str,
        AfterValidator(_without_version),
        Allowed("an address without /v1, such as https://api.example.com"),
    ] = Field(
        default="https://api.anthropic.com",
        validation_alias="ANTHROPIC_BASE_URL",
        description="Address of Anthropic, without `/v1` as in its own SDK.",
    )

    @property
    def counts_in(self) -> Limiter:
        """The limiter in use."""
        return self.limiter or ("redis" if self.redis_url else "memory")

    @model_validator(mode="after")
    def _redis_has_an_address(self) -> "Settings":
        if self.limiter == "redis" and self.redis_url is None:
            raise ValueError("STARSCOO_LIMITER is redis, and STARSCOO_REDIS_URL does not say where it is.")
        return self

    @model_validator(mode="after")
    def _mails_have_links(self) -> "Settings":
        # An address taken from the request would let anybody send people links to his own server.
        if self.smtp_url is not None and self.public_url is None:
            raise ValueError("STARSCOO_SMTP_URL needs STARSCOO_PUBLIC_URL: the links in mails begin with it.")
        return self

    @property
    def sender(self) -> str:
        """Of mails; only with a public address."""
        return self.mail_from or f"Starscoo <no-reply@{urlsplit(self.public_url or '').hostname}>"

    @property
    def address(self) -> str:
        """Where people find this server, as far as it is known before the first of them comes."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def load() -> Settings:
    """The settings of this process. A wrong value ends it: one line on standard error, exit code 2."""
    try:
        return Settings()
    except ValidationError as error:
        _stop(_problem(error))
    except UnicodeDecodeError:
        _stop(".env is not UTF-8 text. Save it as UTF-8.")


def key_named(variable: str) -> str | None:
    """The key of a provider of the operator's own, whose catalog entry names this variable of the environment or
    of `.env`; None where it is absent or empty."""
    found = os.environ.get(variable) or dotenv_values(".env", encoding="utf-8").get(variable) or ""
    try:
        return _credential(SecretStr(found)).get_secret_value() or None
    except ValueError as error:
        _stop(f"{variable} has a wrong value: {error}.")


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the table in README.md."""

    variable: str
    default: str
    description: str


def options() -> Iterator[Option]:
    """All options in the order of the class."""
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = "" if default is None or default == () else f"`{_plain(default)}`"
        yield Option(_variable(name), shown, field.description or "")


def _plain(value: object) -> str:
    return str(int(value)) if isinstance(value, int) else str(value)


def _variable(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else PREFIX + name.upper()


def _problem(error: ValidationError) -> str:
    """The first wrong value in one line. Pydantic's own text would repeat secrets and take several."""
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return str(first["msg"]).removeprefix("Value error, ")
    name = _name_of(str(first["loc"][0]))
    allowed = _allowed(Settings.model_fields[name])
    given = str(first["input"])
    is_private = allowed.is_private or "@" in given or "sk-" in given
    value = "has a wrong value" if is_private else f"is {given[:60]!r}"
    reason = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"{_variable(name)} {value}: {reason}. Allowed: {allowed.words}."


def _name_of(location: str) -> str:
    """Pydantic names an option by its field or, where it has one, by its alias."""
    return location.lower().removeprefix(PREFIX.lower())


def _allowed(field: Any) -> Allowed:
    """An optional value carries its marks one level deeper, inside the union."""
    marks = list(field.metadata)
    for part in getattr(field.annotation, "__args__", ()):
        marks += getattr(part, "__metadata__", ())
    return next(
        (mark for mark in marks if isinstance(mark, Allowed)), Allowed("see README.md", is_private=True)
    )


def _stop(line: str) -> NoReturn:
    print(f"starscoo: {line}", file=sys.stderr)
    raise SystemExit(2)

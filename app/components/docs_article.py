"""The documentation as one piece of HTML: assets/docs.html with what only this server knows filled in.

Pure, and drawn as a single element: it has some thirty code blocks and tables, and nobody waits for them.
Placeholders are `{{kind}}` or `{{kind:name}}`; one that nothing fills is an error, not an empty place.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, get_args

from markupsafe import Markup, escape

from app import assets, docs_text, samples
from app.components import code, model_table, tables
from app.components.tables import Cell, Column
from models import parameters
from models.catalog import Model

_PLACE: Final = re.compile(r"\{\{(\w+)(?::(\w+))?\}\}")
_SECTION: Final = re.compile(r'<section id="([a-z]+)">\s*<h2>([^<]+)</h2>')
_TAB_LABELS: Final[dict[samples.Task, str]] = {
    "quickstart": "Language of the first request",
    "stream": "Language of the streaming sample",
    "tools": "Language of the tools sample",
}
ERROR_SAMPLE: Final = """{
  "error": {
    "message": "Hourly request limit exceeded.",
    "type": "rate_limit_error",
    "param": null,
    "code": "rate_limited"
  }
}"""

Filled = tuple[Sequence[Column | str], Sequence[Sequence[Cell]], str]


@dataclass(frozen=True, slots=True)
class Server:
    """What the article says of this server. `base_url` ends in /v1; `sample_model` is in `models`; `key` names a key of
    the reader as lists do, name and masked secret, and is None where he chose none."""

    base_url: str
    models: tuple[Model, ...]
    is_available: Callable[[str], bool]
    sample_model: str
    is_logged_in: bool
    key: tuple[str, str] | None = None


def contents() -> list[tuple[str, str]]:
    """Anchor and heading of each section, in order."""
    return _SECTION.findall(_template())


def article(server: Server) -> Markup:
    """Raises KeyError for a placeholder that nothing fills."""

    def fill(place: re.Match[str]) -> str:
        kind, name = place.groups()
        return str(_FILLERS[kind](server, name))

    return Markup(_PLACE.sub(fill, _template()))  # noqa: S704  our own file; what is filled in is escaped


def _sample(server: Server, name: str) -> Markup:
    task = next(task for task in get_args(samples.Task) if task == name)
    texts = samples.in_all_languages(task, base_url=server.base_url, model=server.sample_model)
    return code.render_tabs(texts, label=_TAB_LABELS[task], name=task)


def _code(server: Server, name: str) -> Markup:
    language, title, text = {
        "export": ("shell", "Terminal", _export(server.key)),
        "base": ("text", "Base URL", server.base_url),
        "error": ("json", "An error", ERROR_SAMPLE),
        "providers": ("shell", ".env", "OPENAI_API_KEY=sk-…\nANTHROPIC_API_KEY=sk-ant-…"),
    }[name]
    return code.render_code(text, language, title=title)


def _export(key: tuple[str, str] | None) -> str:
    """Nobody has a key in clear but its owner, so what stands here is masked."""
    if key is None:
        return "export STARSCOO_KEY=sk-starscoo-…"
    name, masked = key
    return f"# {name}, as it was shown when it was made\nexport STARSCOO_KEY={masked}"


def _table(server: Server, name: str) -> Markup:
    columns, rows, caption = {
        "parameters": _parameters,
        "headers": _headers,
        "support": lambda: _support(server),
        "models": lambda: _models(server),
        "errors": _errors,
    }[name]()
    return Markup('<div class="s-card s-flush d-table d-{}">{}</div>').format(
        name, tables.render(columns, rows, caption=caption)
    )


def _parameters() -> Filled:
    rows = [(_codes(names), meaning) for names, meaning in docs_text.PARAMETERS]
    return (Column("Field", is_name=True), "Meaning"), rows, "Fields of a chat request"


_EFFECTS: Final[dict[parameters.Effect, str]] = {
    "mapped": "yes",
    "passed": "passed on",
    "accepted": "no effect",
    "refused": "refused",
}


def _support(server: Server) -> Filled:
    """Models of one family share a column."""
    families: dict[parameters.Family, list[str]] = {}
    for model in server.models:
        families.setdefault(parameters.family(model), []).append(model.id)
    rows = [
        (_parameter(row), *(_EFFECTS[row.effects[family]] for family in families))
        for row in parameters.load()
    ]
    columns = [Column("Parameter", is_name=True), *(Column(", ".join(ids)) for ids in families.values())]
    return columns, rows, "What each parameter does for each model"


def _parameter(row: parameters.Parameter) -> Markup:
    cell = Markup('<span class="d-param"><code>{}</code><span class="s-small s-faint">{}</span></span>')
    return cell.format(row.name, row.note)


def _headers() -> Filled:
    rows = [(_codes(names), meaning) for names, meaning in docs_text.HEADERS]
    return (Column("Header", is_name=True), "Meaning"), rows, "Headers of an answer"


def _errors() -> Filled:
    columns = ("Status", Column("Code", is_name=True), "Meaning", "Retry", "What to do")
    rows = [
        (
            str(line.status),
            _codes(line.code),
            line.meaning,
            "yes" if line.is_retried else "no",
            line.advice,
        )
        for line in docs_text.ERRORS
    ]
    return columns, rows, "Errors by status and code"


def _models(server: Server) -> Filled:
    return model_table.filled(server.models, server.is_available)


def _codes(names: str) -> Markup:
    return Markup("<span>{}</span>").format(
        Markup("<br>").join(Markup("<code>{}</code>").format(name) for name in names.split(", "))
    )


def _create_key(server: Server, _: str | None) -> Markup:
    if server.is_logged_in:
        return Markup('Choose “Create key” on the page <a href="/app/keys">API keys</a>.')
    return Markup('<a href="/signup">Create an account</a> and choose “Create key”.')


def _limits_page(server: Server, _: str | None) -> Markup:
    return Markup('<a href="/app/limits">Limits</a>') if server.is_logged_in else Markup("The page Limits")


def _playground(server: Server, _: str | None) -> Markup:
    if not server.is_logged_in:
        return Markup("")
    return Markup(
        '<p>No terminal at hand? The <a href="/app/playground">playground</a> sends the same request.</p>'
    )


def _base_url(server: Server, _: str | None) -> Markup:
    return escape(server.base_url)


@cache
def _template() -> str:
    return (assets.ROOT / "docs.html").read_text(encoding="utf-8")


_FILLERS: Final[dict[str, Callable[[Server, str], Markup]]] = {
    "sample": _sample,
    "code": _code,
    "table": _table,
    "create_key": _create_key,
    "limits_page": _limits_page,
    "playground": _playground,
    "base_url": _base_url,
}

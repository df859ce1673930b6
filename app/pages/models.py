"""/models: what can be called here, what it holds, costs and can do, how fast it begins, and whether it answers.

A whole document (`app.plain`); filters and order stand in the address. Times to the first token are sums over all
accounts, read once a minute however many look.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from fastapi import FastAPI, Request
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import QueryParams

from app import plain, words
from app.components import model_table, tables
from app.components.model_table import ABILITIES
from app.plain import Page
from app.services import Services
from models import limits, speeds
from models.catalog import Ability, Model
from models.logins import Viewer

log = logging.getLogger("starscoo")

KEPT_S: Final = 60
_ABOUT: Final = (
    "Sizes are tokens, prices are dollars for a million tokens. First token is the time within which half of the last "
    "24 hours' requests got their first word."
)
_DESCRIPTION: Final = "The models of this server: context, price, speed, and what works with each."
_Key = Callable[[Model, Mapping[str, int]], float]
_LAST: Final = float("inf")
ORDERS: Final[Mapping[str, tuple[str, _Key]]] = {
    "": ("As listed", lambda model, speed: 0),
    "input": ("Input price", lambda model, speed: _known(model_table.input_nusd(model))),
    "output": ("Output price", lambda model, speed: _known(model_table.output_nusd(model))),
    "context": ("Longest context", lambda model, speed: -model.context_tokens),
    "first": ("Fastest first token", lambda model, speed: speed.get(model.id, _LAST)),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to see."""

    text: str
    works: frozenset[Ability]
    is_available: bool
    order: str

    @property
    def is_narrow(self) -> bool:
        return bool(self.text or self.works or self.is_available)


class Speeds:
    """First-token times, read at most once a minute."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: dict[str, int] = {}
        self._until = 0
        self._reading = asyncio.Lock()

    async def now(self) -> dict[str, int]:
        async with self._reading:
            now = self._services.now()
            if now >= self._until:
                self._until = now + KEPT_S
                try:
                    self._known = await self._services.database.read(speeds.first_token_p50, now=now)
                except SQLAlchemyError:
                    log.warning("The times of models could not be read; the last ones stay", exc_info=True)
            return self._known


def register(services: Services, outer: FastAPI) -> None:
    fast = Speeds(services)

    async def draw(request: Request, viewer: Viewer | None) -> Page:
        wish = read(request.query_params)
        speed = await fast.now()
        found = chosen(services, wish, speed)
        own_limits = await _own_limits(services, viewer) if viewer else Markup("")
        main = _MAIN.format(
            about=_ABOUT, limits=own_limits, form=_form(wish), found=_table(services, found, speed)
        )
        return Page("Models · Starscoo", main, _DESCRIPTION)

    plain.register(services, outer, "/models", draw)


def read(asked: QueryParams) -> Wish:
    """Of the address; what is not known is left out."""
    order = asked.get("sort", "")
    return Wish(
        text=asked.get("q", "").strip().lower()[:100],
        works=frozenset(one for one in get_args(Ability) if one in asked.getlist("works")),
        is_available="available" in asked,
        order=order if order in ORDERS else "",
    )


def chosen(services: Services, wish: Wish, speed: Mapping[str, int]) -> list[Model]:
    found = [
        model
        for model in services.catalog.models.values()
        if wish.text in f"{model.id} {model.owned_by} {model.description}".lower()
        and wish.works <= set(model.works)
        and (services.is_available(model.id) or not wish.is_available)
    ]
    return sorted(found, key=lambda model: ORDERS[wish.order][1](model, speed))


def _known(price: int | None) -> float:
    return _LAST if price is None else price


def _table(services: Services, found: list[Model], speed: Mapping[str, int]) -> Markup:
    if not services.catalog.models:
        return _EMPTY.format(
            "No models configured",
            "The operator of this server lists them in its catalog.",
            "/docs#providers",
            "How",
        )
    if not found:
        return _EMPTY.format(
            "No model matches", "Loosen the filter to see more.", "/models", "Show all models"
        )
    columns, rows, caption = model_table.whole(found, services.is_available, speed)
    table = tables.render(columns, rows, caption=caption)
    return Markup(
        '<section class="s-card s-flush s-compact m-table" aria-label="Models">{}</section>{}'
    ).format(table, _NOT_CONNECTED if not all(services.is_available(model.id) for model in found) else "")


async def _own_limits(services: Services, viewer: Viewer) -> Markup:
    own = await services.database.read(limits.effective, viewer.account_id, None, now=services.now())
    hour = (
        "any number of requests"
        if own.account_requests is None
        else words.plural(own.account_requests, "request")
    )
    month = (
        "any number of tokens" if own.account_tokens is None else words.plural(own.account_tokens, "token")
    )
    return Markup(
        '<p class="m-limits">Your <a href="/app/limits">limits</a> bind all models together: '
        "{} an hour, {} a month.</p>"
    ).format(hour, month)


def _form(wish: Wish) -> Markup:
    works = Markup("").join(
        _check("works", ability, word, is_set=ability in wish.works) for ability, word in ABILITIES.items()
    )
    orders = Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(
            value, Markup(" selected") if value == wish.order else "", word
        )
        for value, (word, _) in ORDERS.items()
    )
    return _FORM.format(
        text=wish.text,
        works=works,
        available=_check("available", "1", "Available only", is_set=wish.is_available),
        orders=orders,
        clear=Markup('<a href="/models">Clear</a>') if wish.is_narrow else "",
    )


def _check(name: str, value: str, word: str, *, is_set: bool) -> Markup:
    return Markup(
        '<label class="m-check"><input type="checkbox" name="{}" value="{}" autocomplete="off"{}> {}</label>'
    ).format(name, value, Markup(" checked") if is_set else "", word)


_NOT_CONNECTED: Final = Markup(
    '<p class="s-small s-faint m-note">A model that is not connected has no credential of its provider on this server '
    "and answers <code>503 upstream_unavailable</code>.</p>"
)
_EMPTY: Final = Markup(
    '<div class="s-card s-empty"><h2>{}</h2><p>{}</p><div class="s-buttons">'
    '<a class="s-button s-plain" href="{}">{}</a></div></div>'
)
_FORM: Final = Markup(
    '<form class="m-form" method="get" action="/models" data-follows role="search" aria-label="Filter and order">'
    '<div class="s-field m-text"><label for="m-q">Search</label><div class="s-box">'
    '<input id="m-q" type="search" name="q" value="{text}" placeholder="Name or maker" autocomplete="off"></div></div>'
    '<fieldset class="m-checks"><legend class="s-label">Works with</legend>{works}</fieldset>'
    '<fieldset class="m-checks"><legend class="s-label">State</legend>{available}</fieldset>'
    '<div class="s-field"><label for="m-sort">Order</label><div class="s-box"><select id="m-sort" name="sort" '
    'autocomplete="off">{orders}</select></div></div>'
    '<noscript><button class="s-button s-plain">Apply</button></noscript>{clear}</form>'
)
_MAIN: Final = Markup(
    '<div class="s-page m-page"><div class="s-title"><div><h1>Models</h1><p>{about}</p>{limits}</div></div>'
    "{form}{found}</div>"
)

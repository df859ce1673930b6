"""/docs: the documentation of the product, with this server's address, models and prices filled in.

A whole document (`app.plain`). Whoever is logged in chooses a model and a key by name for the samples; the choice
stands in the address.
"""

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI, Request
from markupsafe import Markup

from app import address, own_keys, plain
from app.components import docs_article
from app.components.docs_article import Server
from app.plain import Page
from app.services import Services
from models import keys
from models.keys import ApiKey
from models.logins import Viewer

_DESCRIPTION: Final = "How to call this server: keys, models, streaming, errors, limits, headers and retries."


def register(services: Services, outer: FastAPI) -> None:
    async def draw(request: Request, viewer: Viewer | None) -> Page:
        own = await own_keys.working(services, viewer.account_id) if viewer else []
        wanted = request.query_params.get("key", "")
        key = next((key for key in own if key.public_id == wanted), own[0] if own else None)
        model = request.query_params.get("model", "")
        server = Server(
            base_url=address.base_url(services, request),
            models=tuple(services.catalog.models.values()),
            is_available=services.is_available,
            sample_model=model if model in services.catalog.models else address.sample_model(services),
            is_logged_in=viewer is not None,
            key=(key.name, keys.masked(key)) if key else None,
        )
        main = _MAIN.format(
            contents=_contents(), choice=_choice(server, own, key), article=docs_article.article(server)
        )
        return Page("Documentation · Starscoo", main, _DESCRIPTION)

    plain.register(services, outer, "/docs", draw)


def _contents() -> Markup:
    return Markup("").join(
        Markup('<li><a href="#{}">{}</a></li>').format(anchor, heading)
        for anchor, heading in docs_article.contents()
    )


def _choice(server: Server, own: Sequence[ApiKey], key: ApiKey | None) -> Markup:
    """What the samples are filled in with."""
    fields = _select(
        "model", "Model in the samples", {model.id: model.id for model in server.models}, server.sample_model
    )
    if key is not None:
        named = {each.public_id: f"{each.name} …{each.last4}" for each in own}
        fields += _select("key", "Key in the samples", named, key.public_id)
    return Markup(
        '<form class="s-card d-choice" method="get" action="/docs" data-follows aria-label="Samples">'
        '<p class="d-base"><span class="s-label">Base URL</span><code>{}</code></p>{}'
        '<noscript><button class="s-button s-plain">Show in the samples</button></noscript></form>'
    ).format(server.base_url, fields)


def _select(name: str, label: str, options: dict[str, str], chosen: str) -> Markup:
    drawn = Markup("").join(
        Markup('<option value="{}"{}>{}</option>').format(
            value, Markup(" selected") if value == chosen else "", word
        )
        for value, word in options.items()
    )
    return Markup(
        '<div class="s-field"><label for="d-{0}">{1}</label><div class="s-box"><select id="d-{0}" name="{0}" '
        'autocomplete="off">{2}</select></div></div>'
    ).format(name, label, drawn)


_MAIN: Final = Markup(
    '<div class="d-page"><nav class="d-contents" aria-label="On this page"><div class="s-field s-scripted">'
    '<label class="s-sr" for="d-search">Search this page</label><div class="s-box"><input id="d-search" type="search" '
    'placeholder="Search this page" autocomplete="off" data-search=".d-article section" aria-describedby="d-found">'
    '</div><p class="s-help" id="d-found" role="status"></p></div><ul data-contents>{contents}</ul></nav>'
    '<div class="d-article"><h1>Documentation</h1>{choice}{article}</div></div>'
)

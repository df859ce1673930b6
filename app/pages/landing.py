"""/ : what this is, in one sentence and one request."""

from fastapi import FastAPI, Request
from markupsafe import Markup
from nicegui import ui

from app import address, components, frame, login, samples, theme
from app.components import html, tag
from app.services import Services
from models.catalog import Model

_REASONS = (
    (
        "swap",
        "One line to switch",
        "Change the base URL in any OpenAI client. Streaming, tools and images keep working, whoever serves the model.",
    ),
    (
        "limits",
        "Limits that hold",
        "Requests per hour and tokens per month, per key and per account. Every refusal says why.",
    ),
    (
        "ledger",
        "An exact ledger",
        "One row per request, written before the answer ends. What the dashboard shows is what the gateway enforces.",
    ),
)


def register(services: Services, outer: FastAPI) -> None:
    @ui.page("/")
    async def landing(request: Request) -> None:
        viewer = await login.viewer_of(services, request)
        ui.page_title("Starscoo: one API for all your models")
        with frame.public(services, viewer=viewer, here="/"), tag("div", "", "p-page"):
            with tag("section", "", "p-hero", aria_label="Introduction"):
                with tag("div", "", "p-words"):
                    _words(services, is_known=viewer is not None)
                with tag("div", "", "p-shot s-night"):
                    _exchange(services, request)
            _models(services)
            html(_reasons(), "p-reasons")


def _words(services: Services, *, is_known: bool) -> None:
    tag("h1", "Every model behind one OpenAI-compatible API that you run.")
    tag(
        "p",
        "Hand out keys, set limits that hold, and see every token. On your own machine, in one process.",
        "p-lead",
    )
    with tag("div", "", "s-buttons"):
        if is_known:
            components.button("Open dashboard", size="big", href="/app")
        elif services.is_signup_open:
            components.button("Create account", size="big", href="/signup")
        if not is_known:
            components.button("Log in", kind="plain", size="big", href="/login")
        components.button("Read the docs", kind="quiet", size="big", icon="book", href="/docs")


def _exchange(services: Services, request: Request) -> None:
    """A request and its answer, as a terminal shows them."""
    base_url, model = address.base_url(services, request), address.sample_model(services)
    command = samples.text("quickstart", "curl", base_url=base_url, model=model)
    components.code_block(command, "curl", title="Your first request")
    html(
        Markup(
            '<p class="p-status"><span class="s-pill s-pill-good">200 OK</span>'
            '<span class="s-faint">{} · 21 tokens · 412 ms</span></p><p class="p-said">{}</p>'
            '<dl class="p-heads"><dt>x-ratelimit-remaining-requests</dt><dd>999</dd>'
            "<dt>x-ratelimit-remaining-tokens</dt><dd>4,999,979</dd></dl>"
        ).format(model, _spoken("Hello! It is good to meet you.")),
        "p-answer",
    )


def _spoken(answer: str) -> Markup:
    """Word by word, as a stream arrives."""
    return Markup(" ").join(
        Markup('<span style="--n:{}">{}</span>').format(place, word)
        for place, word in enumerate(answer.split())
    )


def _models(services: Services) -> None:
    with tag("section", "", "p-models", aria_label="Models"):
        with tag("h2"):
            html(Markup('One key, <a href="/models">these models</a>'), name="span")
        html(
            Markup("").join(
                _model(model, is_callable=services.is_available(model.id))
                for model in services.catalog.models.values()
            ),
            "p-list",
            "ul",
        )


def _model(model: Model, *, is_callable: bool) -> Markup:
    state = "" if is_callable else components.pill("caution", "Not connected")
    return Markup('<li><b class="s-mono">{}</b><span>{} context</span>{}</li>').format(
        model.id, f"{model.context_tokens // 1000}K", state
    )


def _reasons() -> Markup:
    return Markup("").join(
        Markup('<section><span class="s-icon">{}</span><h2>{}</h2><p>{}</p></section>').format(
            theme.icon(icon), title, text
        )
        for icon, title, text in _REASONS
    )

"""/ : what this is, in one sentence and one request, and why it can be trusted. A whole document (`app.plain`)."""

from typing import Final

from fastapi import FastAPI, Request
from markupsafe import Markup

from app import address, plain, samples, templates, theme
from app.components import code, meter, model_table, pill
from app.plain import Page
from app.services import Services
from models.catalog import Model
from models.live import Standing
from models.logins import Viewer

_TITLE: Final = "Starscoo: every model behind one API that you run"
_DESCRIPTION: Final = (
    "A self-hosted, OpenAI-compatible gateway: keys, limits that hold, and every token counted."
)
_HOUR_S: Final = 3_600
_BARS: Final = (
    (30, 14),
    (38, 20),
    (34, 12),
    (52, 26),
    (46, 30),
    (61, 22),
    (58, 34),
    (72, 28),
    (66, 40),
    (84, 36),
)


def register(services: Services, outer: FastAPI) -> None:
    async def draw(request: Request, viewer: Viewer | None) -> Page:
        base_url, model = address.base_url(services, request), address.sample_model(services)
        icons = {f"icon_{name}": theme.icon(name) for name in ("limits", "info", "ledger", "usage")}
        main = templates.filled(
            "landing.html",
            actions=_actions(services, is_known=viewer is not None),
            exchange=_exchange(base_url, model),
            switch=_switch(base_url),
            limits=_limits(services.now()),
            refused=pill("bad", "429"),
            ledger=_ledger(),
            bars=_bars(),
            models=_models(services),
            last=_last(services, is_known=viewer is not None),
            **icons,
        )
        return Page(_TITLE, main, _DESCRIPTION)

    plain.register(services, outer, "/", draw)


def _actions(services: Services, *, is_known: bool) -> Markup:
    docs = _link("/docs", "Read the docs", "quiet-button", icon="book")
    if is_known:
        return _link("/app", "Open dashboard", "primary") + docs
    sign_up = _link("/signup", "Create account", "primary") if services.is_signup_open else Markup("")
    return sign_up + _link("/login", "Log in", "plain") + docs


def _link(href: str, text: str, kind: str, *, icon: str = "") -> Markup:
    drawing = Markup('<span class="s-icon">{}</span>').format(theme.icon(icon)) if icon else ""
    return Markup('<a class="s-button s-big s-{}" href="{}">{}<span>{}</span></a>').format(
        kind, href, drawing, text
    )


def _exchange(base_url: str, model: str) -> Markup:
    """A request and its answer, as a terminal shows them."""
    command = samples.text("quickstart", "curl", base_url=base_url, model=model)
    answer = Markup(
        '<p class="p-status"><span class="s-pill s-pill-good">200 OK</span>'
        '<span class="s-faint">{} · 21 tokens · 412 ms</span></p><p class="p-said">{}</p>'
        '<dl class="p-heads"><dt>x-ratelimit-remaining-requests</dt><dd>999</dd>'
        "<dt>x-ratelimit-remaining-tokens</dt><dd>4,999,979</dd></dl>"
    ).format(model, _spoken("Hello! It is good to meet you."))
    return code.render_code(command, "curl", title="Your first request") + Markup(
        '<div class="p-answer">{}</div>'
    ).format(answer)


def _spoken(answer: str) -> Markup:
    """Word by word, as a stream arrives."""
    return Markup(" ").join(
        Markup('<span style="--n:{}">{}</span>').format(place, word)
        for place, word in enumerate(answer.split())
    )


def _switch(base_url: str) -> Markup:
    """The two lines that change, among those that do not."""
    lines = (
        ("", "from openai import OpenAI"),
        ("", ""),
        ("", "client = OpenAI("),
        ("new", f'    base_url="{base_url}",'),
        ("new", '    api_key=os.environ["STARSCOO_KEY"],'),
        ("", ")"),
    )
    drawn = Markup("").join(
        Markup('<span class="p-line{}">{}\n</span>').format(
            f" p-{kind}" if kind else "", code.coloured(line, "python")
        )
        for kind, line in lines
    )
    return Markup(
        '<div class="s-code p-diff"><pre tabindex="0" role="group" aria-label="Two lines change">'
        "<code>{}</code></pre></div>"
    ).format(drawn)


def _limits(now: int) -> Markup:
    hour_end = now - now % _HOUR_S + _HOUR_S
    requests = Standing("hourly_requests", "key", 1_000, 412, 3, 585, hour_end)
    tokens = Standing(
        "monthly_tokens", "account", 5_000_000, 4_180_000, 32_768, 787_232, hour_end + 9 * 86_400
    )
    return Markup('<div class="p-vignette p-meters">{}{}</div>').format(
        meter.render(requests, label="Requests this hour", now=now, origin="set on this key"),
        meter.render(tokens, label="Tokens this month", now=now, origin="plan Starter"),
    )


def _ledger() -> Markup:
    rows = (
        ("req_5f0c…91a2", pill("good", "OK"), "21", "$0.0001"),
        ("req_77be…0d4e", pill("good", "OK"), "3,406", "$0.0132"),
        ("req_a912…c31f", pill("caution", "Client left"), "188", "$0.0007"),
    )
    drawn = Markup("").join(
        Markup('<li><span class="s-mono">{}</span>{}<span>{} tokens</span><span>{}</span></li>').format(*row)
        for row in rows
    )
    return Markup('<ul class="p-vignette p-rows">{}</ul>').format(drawn)


def _bars() -> Markup:
    return Markup("").join(Markup('<i style="--a:{}%;--b:{}%"></i>').format(*bar) for bar in _BARS)


def _models(services: Services) -> Markup:
    return Markup("").join(
        _model(model, is_callable=services.is_available(model.id))
        for model in services.catalog.models.values()
    )


def _model(model: Model, *, is_callable: bool) -> Markup:
    state = "" if is_callable else pill("caution", "Not connected")
    price, output = model_table.input_nusd(model), model_table.output_nusd(model)
    cost = (
        ""
        if price is None or output is None
        else f"{model_table.dollars(price)} in · {model_table.dollars(output)} out"
    )
    return Markup('<li><b class="s-mono">{}</b><span>{} context</span><span>{}</span>{}</li>').format(
        model.id, f"{model.context_tokens // 1000}K", cost, state
    )


def _last(services: Services, *, is_known: bool) -> Markup:
    if is_known or not services.is_signup_open:
        return Markup("")
    return Markup(
        '<section class="p-last" aria-labelledby="p-last"><h2 id="p-last">Two minutes to your first answer</h2>'
        '<p>An account, a key, one line in your program.</p><div class="s-buttons">{}</div></section>'
    ).format(_link("/signup", "Create your first key", "primary"))

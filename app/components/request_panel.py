"""Everything about one request, for the panel beside the log: what happened, how long it took, what it used, which
limit decided, and where that can be changed. Prompts and answers are not kept, so there are none."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from app import refusal_words, theme, words
from app.components import ladder
from app.components.log_table import status_pill
from models import keys as key_models
from models.ledger import RequestRow
from models.limits import Ladder
from models.live import Limit
from models.overrides import Override
from models.refusals import RefusalRow
from models.request_log import Details

_ENDS: Final = {
    "end": "The model had finished.",
    "length": "A bound on output was reached.",
    "tool_calls": "The model called a tool.",
    "stop_sequence": "A stop sequence of the request was reached.",
    "content_filter": "The provider's content filter ended it.",
    "paused": "The model paused and wants to be asked again.",
}
_OUTCOMES: Final = {
    "ok": "Answered to the end.",
    "error": "The provider failed, so there was no answer.",
    "cut": "The provider's answer broke off.",
    "client_abort": "The client left before the end of the answer.",
    "interrupted": "The server ended while the request ran.",
    None: "It is still running. Its figures come with its end.",
}
_BOUNDS: Final = {
    "model": "The model's default bound on output ended it. Send max_tokens for a longer answer.",
    "monthly_tokens": "What was left of the monthly token cap ended it.",
}
_LIMITS: Final[dict[str, Limit]] = {name: name for name in ladder.NAMES}
Line = tuple[str, Markup | str]


def render(details: Details, *, now: int) -> Markup:
    entry = details.entry
    body = _admitted(details, entry.row) if entry.row is not None else _refused(details, entry.refusal, now)
    return Markup('<div class="l-panel">{}</div>').format(body)


def _admitted(details: Details, row: RequestRow) -> Markup:
    happened: list[Line] = [
        ("Status", status_pill(details.entry)),
        ("Outcome", _OUTCOMES.get(row.outcome, "")),
    ]
    if row.http_status is not None:
        happened.append(("HTTP status", str(row.http_status)))
    if row.error_code:
        happened.append(("Error", _code(row.error_code)))
    if row.stop:
        happened.append(("End reason", _ENDS.get(row.stop, row.stop)))
    if row.bound_by:
        happened.append(("Bounded by", _BOUNDS.get(row.bound_by, row.bound_by)))
    happened.append(("Answer", "Streamed" if row.is_stream else "Sent at once"))
    parts = [_section("What happened", happened)]
    if row.total_ms is not None:
        parts.append(_section("Timings", _timings(row), before=_timeline(row)))
    if row.outcome is not None:
        parts.append(_section("Tokens and cost", _tokens(row)))
    parts += [_section("Limits when it was let in", _decision(details, row)), _identity(details)]
    return Markup("").join(parts)


def _refused(details: Details, refusal: RefusalRow | None, now: int) -> Markup:
    assert refusal is not None
    happened: list[Line] = [
        ("Status", status_pill(details.entry)),
        ("Why", refusal_words.reason(refusal, now=now)),
        ("HTTP status", str(refusal.status)),
        ("Error", _code(refusal.code)),
    ]
    if refusal.param:
        happened.append(("Parameter", Markup("<code>{}</code>").format(refusal.param)))
    if refusal.message:
        happened.append(("What the client was told", refusal.message))
    if refusal.skipped:
        more = f"{words.exact(refusal.skipped)} more of this key just before it, which have no entries of their own"
        happened.append(("And", more))
    happened.append(("Cost", "Nothing. A refused request consumes nothing."))
    parts = [_section("What happened", happened)]
    if refusal.limit_name and refusal.value is not None:
        parts.append(_limit(details, refusal, refusal.limit_name, refusal.value, now))
    parts.append(_identity(details))
    return Markup("").join(parts)


def _limit(details: Details, refusal: RefusalRow, name: str, value: int, now: int) -> Markup:
    limit = _LIMITS.get(name)
    lines: list[Line] = [
        ("Limit", name if limit is None else ladder.NAMES[limit]),
        ("Layer", "This key" if refusal.layer == "key" else "The whole account"),
        ("Value", words.exact(value)),
        ("Count at the decision", words.exact(refusal.count or 0)),
    ]
    if refusal.window_end is not None and name != "concurrent_requests":
        end = refusal.window_end
        moment = words.until(end, now) if end > now else Markup("{}").format(words.utc_day(end))
        lines.append(("Window ends" if end > now else "Window ended", moment))
    if details.ladder is not None and limit is not None:
        lines.append(("Set by", _setter(details.setter, details.ladder)))
        lines.append(("Stands now", ladder.origin(limit, details.ladder)))
    change = Markup('<a class="s-button s-plain s-slim" href="/app/limits">{}</a>').format(
        "Change this limit" if refusal.layer == "key" else "See the account's limits"
    )
    return _section("The limit that refused", lines, after=Markup('<p class="l-acts">{}</p>').format(change))


def _setter(override: Override | None, steps: Ladder) -> str:
    """Who had set the value at that moment. Customers see that staff did and why, not who."""
    if override is None:
        return steps.rungs[0].origin
    if not override.is_staff:
        return f"{override.author}, on this key"
    return f"staff: “{override.reason}”" if override.reason else "staff"


def _timings(row: RequestRow) -> list[Line]:
    assert row.total_ms is not None
    lines: list[Line] = [("Total", words.duration(row.total_ms))]
    if row.first_token_ms is not None:
        after_ms = max(0, row.total_ms - row.first_token_ms)
        lines = [
            ("First token after", words.duration(row.first_token_ms)),
            ("Rest of the answer", words.duration(after_ms)),
            *lines,
        ]
        if after_ms and row.output_tokens > 1 and row.is_stream:
            lines.append(("Output", f"{row.output_tokens * 1000 // after_ms} tokens a second"))
    return lines


def _timeline(row: RequestRow) -> Markup:
    if not row.total_ms or row.first_token_ms is None:
        return Markup("")
    share = min(100, max(1, row.first_token_ms * 100 // row.total_ms))
    return Markup(
        '<div class="l-time-line" aria-hidden="true"><i style="width:{}%"></i><i style="width:{}%"></i></div>'
    ).format(share, 100 - share)


def _tokens(row: RequestRow) -> list[Line]:
    lines: list[Line] = [("Input", words.exact(row.input_tokens))]
    if row.cache_read_tokens:
        lines.append(("Read from the cache", words.exact(row.cache_read_tokens)))
    if row.cache_write_tokens:
        lines.append(("Written to the cache", words.exact(row.cache_write_tokens)))
    output = words.exact(row.output_tokens)
    if row.reasoning_tokens:
        output += f", {words.exact(row.reasoning_tokens)} of them reasoning"
    source = "Estimated: the provider reported nothing" if row.is_estimated else "Measured by the provider"
    return [
        *lines,
        ("Output", output),
        ("All", words.exact(row.total_tokens)),
        ("Source", source),
        ("Cost", words.dollars(row.cost_nusd)),
    ]


def _decision(details: Details, row: RequestRow) -> list[Line]:
    """What is known of it: the place in its hour, and what was held of the month."""
    hour = row.hour * 3600
    lines: list[Line] = []
    if details.hour_place is not None:
        begin = words.utc_day(hour).removesuffix(" UTC")
        lines.append(("Hour", f"{begin} to {words.utc(hour + 3600)}"))
        lines.append(("Place in it", f"Request {words.exact(details.hour_place)} of the account"))
    held = words.plural(row.reserved_tokens, "token") if row.reserved_tokens else "Nothing"
    lines.append(("Held of the month", held))
    return lines


def _identity(details: Details) -> Markup:
    entry = details.entry
    owner = entry.row or entry.refusal
    assert owner is not None
    key: Markup | str = "A former key"
    if details.key is not None:
        key = Markup(
            '<a href="/app/keys/{}" dir="auto">{}</a> <span class="s-mono s-faint">{}</span>'
        ).format(details.key.public_id, details.key.name, key_models.masked(details.key))
    copy = Markup(
        '<code class="l-id" id="l-request-id">{0}</code> <button type="button" class="s-icon-button" '
        'aria-label="Copy request id" data-copy="{0}"><span class="s-icon">{1}</span></button>'
    ).format(entry.id, theme.icon("copy"))
    at = entry.at_ms // 1000
    moment = Markup('{}<br><span class="s-faint">{}</span>').format(words.local(at), words.iso(at))
    return _section(
        "Which one",
        [
            ("Model asked for", Markup("<code>{}</code>").format(owner.model or "–")),
            ("Key", key),
            ("Came at", moment),
            ("Request id", copy),
        ],
        after=Markup('<p class="s-faint s-small">Prompts and answers are not kept.</p>'),
    )


def _section(
    title: str, lines: Sequence[Line], *, before: Markup | None = None, after: Markup | None = None
) -> Markup:
    rows = Markup("").join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(*line) for line in lines)
    return Markup("<section><h3>{}</h3>{}<dl>{}</dl>{}</section>").format(
        title, before or Markup(""), rows, after or Markup("")
    )


def _code(code: str) -> Markup:
    return Markup('<a href="/docs#errors"><code>{}</code></a>').format(code)

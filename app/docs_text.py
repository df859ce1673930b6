"""What the documentation says about errors. A test holds it equal to the gateway's own table."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """One `error.code`. `is_retried` is whether the same request may pass a little later without a change."""

    status: int
    code: str
    meaning: str
    is_retried: bool
    advice: str


ERRORS: Final = (
    ErrorLine(
        400,
        "invalid_json",
        "The body is not JSON in UTF-8.",
        False,
        "Send one JSON object; let a library write it.",
    ),
    ErrorLine(
        400,
        "invalid_request",
        "A field is missing or has the wrong type.",
        False,
        "Read error.param: it is the exact path of the field.",
    ),
    ErrorLine(
        400,
        "unknown_parameter",
        "This model's format has no such field.",
        False,
        "Remove the field in error.param.",
    ),
    ErrorLine(
        400,
        "unsupported_parameter",
        "The model cannot do what the field asks for.",
        False,
        "Remove the field, or choose another model.",
    ),
    ErrorLine(
        400,
        "unsupported_value",
        "The field exists, but not with this value on this model.",
        False,
        "Use a value that the message names, or choose another model.",
    ),
    ErrorLine(
        400,
        "invalid_image",
        "An image cannot be read, is too large, or is of a kind that the model does not take.",
        False,
        "Send PNG, JPEG, GIF or WebP.",
    ),
    ErrorLine(
        400,
        "invalid_thinking_signature",
        "The model's own thinking came back altered.",
        False,
        "Send thinking_blocks back as they came, or leave them out.",
    ),
    ErrorLine(
        400,
        "context_length_exceeded",
        "The messages are longer than the model's context.",
        False,
        "Shorten or drop older messages.",
    ),
    ErrorLine(
        400,
        "content_policy_violation",
        "The provider refuses to answer this content.",
        False,
        "Change the content; another try gives the same answer.",
    ),
    ErrorLine(
        401,
        "invalid_api_key",
        "No key was sent, or it is mistyped, unknown or revoked.",
        False,
        "Send a working key as Authorization: Bearer.",
    ),
    ErrorLine(403, "key_paused", "The key is paused.", False, "Let its owner resume it."),
    ErrorLine(
        403, "account_suspended", "The account is suspended.", False, "Ask the operator of this server."
    ),
    ErrorLine(
        404,
        "model_not_found",
        "There is no model of this name for this key.",
        False,
        "Choose one of the models.",
    ),
    ErrorLine(404, "not_found", "There is no such address.", False, "Check the base URL: it ends in /v1."),
    ErrorLine(
        405,
        "method_not_allowed",
        "The address exists, but not for this method.",
        False,
        "Use POST, or GET for lists.",
    ),
    ErrorLine(
        408,
        "request_timeout",
        "The request did not arrive in time: its headers have 15 seconds, its body 60.",
        True,
        "Send it again, over a better line or with less in it.",
    ),
    ErrorLine(
        413,
        "request_too_large",
        "The body is larger than this server takes.",
        False,
        "Send fewer or smaller images.",
    ),
    ErrorLine(
        429,
        "rate_limited",
        "Hourly request limit exceeded.",
        True,
        "Wait for Retry-After, or raise the limit. SDKs are told not to wait over a minute.",
    ),
    ErrorLine(
        429,
        "token_cap_exceeded",
        "Monthly token cap exceeded.",
        False,
        "Wait for the next month (UTC), or raise the limit. Only when running requests merely hold the rest "
        "of the cap does another try help; x-should-retry says so.",
    ),
    ErrorLine(
        429, "concurrency_limited", "Too many requests of this key run at once.", True, "Wait for one to end."
    ),
    ErrorLine(
        431,
        "headers_too_large",
        "The headers are larger than 32 KB.",
        False,
        "Put what is long into the body.",
    ),
    ErrorLine(
        429,
        "upstream_rate_limited",
        "The provider asks this server to slow down.",
        True,
        "Wait for Retry-After.",
    ),
    ErrorLine(500, "internal_error", "A fault of this gateway.", True, "Tell the operator the x-request-id."),
    ErrorLine(502, "upstream_error", "The provider failed or answered nonsense.", True, "Try again."),
    ErrorLine(
        502,
        "upstream_disconnected",
        "The provider broke off in the middle of an answer.",
        True,
        "Try again; what had arrived is metered.",
    ),
    ErrorLine(
        503,
        "upstream_overloaded",
        "The provider has too much to do.",
        True,
        "Wait for Retry-After, or choose another model.",
    ),
    ErrorLine(
        503,
        "upstream_unavailable",
        "The operator has no working access to this model's provider.",
        False,
        "Choose another model and tell the operator.",
    ),
    ErrorLine(
        503,
        "service_unavailable",
        "The gateway cannot reach its database, or is just stopping.",
        True,
        "Wait for Retry-After.",
    ),
    ErrorLine(
        504,
        "upstream_timeout",
        "The provider did not answer in time.",
        True,
        "Try again, or stream the answer.",
    ),
)

PARAMETERS: Final = (
    ("model", "Required. One of the models below."),
    (
        "messages",
        "Required. Roles system, developer, user, assistant and tool, in any order that makes sense; text, "
        "and images from the user.",
    ),
    (
        "max_completion_tokens",
        "The most the answer may have, reasoning included. The older max_tokens is understood too.",
    ),
    ("temperature, top_p", "claude-sonnet-4-6 takes one of the two; the other models only their default, 1."),
    ("stop", "Up to four strings that are not blank. Claude models only."),
    ("stream, stream_options", "The answer word by word, see Streaming."),
    ("tools, tool_choice, parallel_tool_calls", "Functions the model may ask for, see Tools."),
    ("n", "1: one answer for each request."),
)

HEADERS: Final = (
    (
        "x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests",
        "Requests in this hour: the limit, what is left with this request counted, and the time until the "
        "hour ends, like 38m12s. Left out where there is no limit.",
    ),
    (
        "x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens",
        "Tokens in this month: the cap, what is neither used nor reserved, and the time until the month ends, "
        "like 212h5m0s. Left out where there is no cap.",
    ),
    ("retry-after", "On refusals that pass by themselves: whole seconds until another try makes sense."),
    (
        "x-should-retry",
        "On refusals: true or false, whether OpenAI's packages should try again by themselves.",
    ),
    (
        "x-starscoo-bound",
        "On plain answers that ended at a bound which you did not set: model, its usual bound on output, or "
        "monthly_tokens, what the cap had left.",
    ),
    (
        "x-starscoo-dropped",
        "With x-starscoo-unsupported: drop, the parameters that were left out.",
    ),
    ("x-request-id", "On every answer: the name under which the operator finds this request."),
)

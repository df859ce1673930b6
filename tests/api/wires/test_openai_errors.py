import json
from typing import Any

import pytest

from api.errors import GatewayError
from api.wires import openai_errors


def told(status: int, **error: Any) -> GatewayError:
    return openai_errors.parse_error(status, json.dumps({"error": error}).encode())


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "context_length_exceeded", "context_length_exceeded"),
        (400, "invalid_prompt", "content_policy_violation"),
        (400, "bio_policy", "content_policy_violation"),
        (400, "invalid_image_url", "invalid_image"),
        (400, "image_too_large", "invalid_image"),
        (400, "unsupported_value", "unsupported_value"),
        (400, "unknown_parameter", "unknown_parameter"),
        (400, None, "invalid_request"),
        (400, "something_new", "invalid_request"),
        (422, None, "invalid_request"),
        (401, "invalid_api_key", "upstream_unavailable"),
        (402, None, "upstream_unavailable"),
        (403, "unsupported_country_region_territory", "upstream_unavailable"),
        (404, "model_not_found", "upstream_unavailable"),
        (408, None, "upstream_timeout"),
        (413, None, "request_too_large"),
        (429, "rate_limit_exceeded", "upstream_rate_limited"),
        (429, None, "upstream_rate_limited"),
        (429, "insufficient_quota", "upstream_unavailable"),
        (429, "project_spend_limit_exceeded", "upstream_unavailable"),
        (500, "server_error", "upstream_error"),
        (500, "invalid_request_error", "upstream_error"),
        (502, None, "upstream_error"),
        (503, None, "upstream_overloaded"),
        (503, "slow_down", "upstream_overloaded"),
        (504, None, "upstream_timeout"),
        (524, None, "upstream_error"),
    ],
)
def test_an_error_is_mapped_by_its_code_else_by_its_status(status: int, code: str | None, kind: str) -> None:
    assert told(status, message="x", code=code, type="some_error").kind == kind


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "upstream_error"), (429, "upstream_rate_limited"), (502, "upstream_error")]
)
@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b"[]", b'{"error":"x"}', b'{"a":"\xff"}'])
def test_a_body_of_another_shape_is_judged_by_its_status(status: int, kind: str, body: bytes) -> None:
    assert openai_errors.parse_error(status, body).kind == kind


def test_what_is_about_the_clients_own_request_keeps_its_words_and_its_field() -> None:
    error = told(400, message="Invalid value: 'x'.", param="messages[0].role", code="invalid_value")
    assert (error.message, error.param) == ("Invalid value: 'x'.", "messages[0].role")
    assert told(400, message="Too long", code="context_length_exceeded").param == "messages"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("code", [None, "insufficient_quota", "invalid_value"])
def test_g49_facts_of_the_operator_never_reach_the_client(status: int, code: str | None) -> None:
    message = (
        "Incorrect API key provided: sk-proj-abc. Organization org-AbCd1234EfGh, request req_0123456789ab"
    )
    error = told(status, message=message, code=code)
    for fact in ("sk-", "org-", "req_", "rganization", "API key"):
        assert fact not in error.message


def test_an_unverified_organisation_is_the_operators_matter() -> None:
    message = "Your organization must be verified to stream this model."
    assert told(400, message=message, param="stream", code="unsupported_value").kind == "upstream_unavailable"


def test_an_overload_says_when_to_come_back() -> None:
    assert told(503, message="x").retry_after == 5


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "rate_limit_exceeded"}, "upstream_rate_limited"),
        ({"code": "server_error"}, "upstream_error"),
        ({"code": 429}, "upstream_rate_limited"),
        ({"code": "context_length_exceeded", "message": "x"}, "context_length_exceeded"),
        ({"type": "invalid_request_error", "message": "x", "code": None}, "upstream_error"),
        ({}, "upstream_error"),
    ],
)
def test_in_a_stream_the_code_decides(error: dict[str, Any], kind: str) -> None:
    assert openai_errors.in_stream(error).kind == kind

"""The routes under /v1, plain Starlette routes of a FastAPI app: a FastAPI route costs a fifth of a
millisecond. What generates does not even pass the app's own layers, which cost a tenth of a whole request.

All errors are JSON in OpenAI's shape, also for unknown paths, wrong methods and bugs of ours; OPTIONS is
answered without a key, so that browsers may ask first.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.auth import check_model, may_use
from api.client import COMMON, Headers, internal_error, json_answer, new_id, plain_error
from api.errors import GatewayError
from api.openapi import describe
from api.pipeline import Pipeline
from models.catalog import Catalog, Model
from models.keys import Principal

log = logging.getLogger("starscoo.gateway")

PREFLIGHT: Final[Headers] = [
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"*, authorization"),
    (b"access-control-max-age", b"86400"),
]


Endpoint = Callable[[Request], Awaitable[Response]]


class Gateway:
    """`generating` are the endpoints that are asked by POST, by path; `routes` answers everything else."""

    def __init__(self, routes: ASGIApp, generating: Mapping[str, Endpoint]) -> None:
        self._routes = routes
        self._generating = generating

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._generating.get(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None or scope["method"] != "POST":
            await self._routes(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            answer = await endpoint(request)
        except Exception as error:  # a bug must still be answered
            answer = await _bug(request, error)
        await answer(scope, receive, send)


def create_gateway(pipeline: Pipeline, catalog: Catalog, *, version: str) -> Gateway:
    """The app that answers everything under /v1. Starting and stopping its parts is the caller's task."""
    gateway = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    async def chat_completions(request: Request) -> Response:
        return await pipeline.answer(request, "openai_chat")

    async def list_models(request: Request) -> Response:
        def draw(principal: Principal) -> object:
            offered = [model for name, model in catalog.models.items() if may_use(principal, name)]
            return {"object": "list", "data": [_line(model, pipeline) for model in offered]}

        return await pipeline.show(request, draw)

    async def show_model(request: Request) -> Response:
        name = request.path_params["name"]

        def draw(principal: Principal) -> object:
            check_model(principal, name)
            return _line(pipeline.router.model(name), pipeline)

        return await pipeline.show(request, draw)

    async def openapi(request: Request) -> Response:
        return json_answer(describe(version), [(b"x-request-id", new_id("req_").encode())])

    gateway.add_route("/v1/chat/completions", chat_completions, methods=["POST"])
    gateway.add_route("/v1/models", list_models, methods=["GET"])
    gateway.add_route("/v1/models/{name:path}", show_model, methods=["GET"])
    gateway.add_route("/v1/openapi.json", openapi, methods=["GET"])

    async def no_route(request: Request, error: Exception) -> Response:
        return await _no_route(request, error, pipeline)

    gateway.add_exception_handler(HTTPException, no_route)
    gateway.add_exception_handler(Exception, _bug)
    return Gateway(gateway, {"/v1/chat/completions": chat_completions})


def _line(model: Model, pipeline: Pipeline) -> dict[str, object]:
    """One model in OpenAI's shape, and what a chooser wants to know besides."""
    return {
        "id": model.id,
        "object": "model",
        "created": model.created,
        "owned_by": model.owned_by,
        "context_window": model.context_tokens,
        "provider": model.targets[0].provider,
        "available": pipeline.router.is_available(model.id),
    }


async def _no_route(request: Request, error: Exception, pipeline: Pipeline) -> Response:
    """Path and method are judged before the key; a known one still finds its limits in the headers."""
    if request.method == "OPTIONS":
        answer = Response(status_code=204)
        answer.raw_headers += [(b"x-request-id", new_id("req_").encode()), *COMMON, *PREFLIGHT]
        return answer
    path = request.scope["path"][:200]
    if isinstance(error, HTTPException) and error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        use = f"Use {allowed}." if allowed else "See /docs."
        refusal = GatewayError("method_not_allowed", f"{request.method} is not possible on {path}. {use}")
        answer = await pipeline.refuse_route(request, refusal)
        answer.raw_headers.append((b"allow", allowed.encode()))
        return answer
    hint = "POST /v1/chat/completions and GET /v1/models are; see /docs."
    if not path.startswith("/v1"):
        hint = f"The base URL of clients ends in /v1: this would be /v1{path}."
    return await pipeline.refuse_route(request, GatewayError("not_found", f"There is no {path} here. {hint}"))


async def _bug(request: Request, error: Exception) -> Response:
    """What no handler foresaw; the text stays in the log."""
    request_id = new_id("req_")
    log.error("%s: the gateway failed", request_id, exc_info=error)
    return plain_error("openai_chat", internal_error(request_id), [(b"x-request-id", request_id.encode())])

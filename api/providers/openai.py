"""OpenAI: Chat Completions and Responses, credential as a bearer token. The base URL ends in /v1, as in its
SDK.

Summaries of reasoning are given to verified organisations alone; others get a 400 that names the parameter. Then the
same request goes out once more without asking for a summary, and no later one asks until the next start.
"""

import logging
from dataclasses import replace
from typing import Any, Final

import msgspec

from api.providers.base import Access, UpstreamCall, UpstreamFailure, UpstreamReply
from api.providers.http import HttpProvider, ReadReply, Transport

log = logging.getLogger("starscoo.gateway")

NAME = "openai"
_UNVERIFIED: Final = "organization must be verified"
_object = msgspec.json.Decoder(dict[str, Any])


class _Error(msgspec.Struct):
    message: str
    param: str | None = None


class _Body(msgspec.Struct):
    error: _Error


_body = msgspec.json.Decoder(_Body)


def create(transport: Transport, name: str, access: Access) -> "OpenAI":
    return OpenAI(
        name,
        transport,
        access,
        headers={"Authorization": f"Bearer {access.key or ''}"},
        paths={"openai_chat": "/chat/completions", "openai_responses": "/responses"},
    )


class OpenAI(HttpProvider):
    """`gives_summaries` is learned from the first refusal."""

    gives_summaries = True

    async def send(self, call: UpstreamCall) -> UpstreamReply:
        bare = _without_summary(call)
        if bare is not None and not self.gives_summaries:
            return await super().send(bare)
        reply = await super().send(call)
        if bare is None or reply.status != 400:
            return reply
        try:
            body = await reply.read()
        finally:
            reply.close()
        if not _is_about_summaries(body):
            return ReadReply(reply.status, reply.headers, body)
        self.gives_summaries = False
        log.warning("%s: the organisation is not verified; reasoning comes without summaries", self.name)
        try:
            reply = await super().send(bare)
        except UpstreamFailure as failure:
            failure.is_second = True
            raise
        reply.is_second = True
        return reply


def _without_summary(call: UpstreamCall) -> UpstreamCall | None:
    """None where no summary is asked for."""
    if call.wire != "openai_responses" or b'"summary"' not in call.body:
        return None
    body = _object.decode(call.body)
    reasoning = body.get("reasoning")
    if not isinstance(reasoning, dict) or reasoning.pop("summary", None) is None:
        return None
    return replace(call, body=msgspec.json.encode(body))


def _is_about_summaries(body: bytes) -> bool:
    try:
        error = _body.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return error.param == "reasoning.summary" and _UNVERIFIED in error.message

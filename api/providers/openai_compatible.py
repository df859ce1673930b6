"""Any server that speaks OpenAI's API: vLLM, Ollama, llama.cpp and the like. The catalog names its address, and
the environment variable that holds its key; without one no credential is sent, and none is needed.

Older releases of these servers know the bound of an answer by its old name alone, so it is sent under both: a server
that ignored it would write on without end.
"""

from dataclasses import replace
from typing import Final

import msgspec

from api.providers.base import Access, UpstreamCall, UpstreamReply
from api.providers.http import HttpProvider, Transport

NAME = "openai_compatible"
_BOUND, _OLD_BOUND = "max_completion_tokens", "max_tokens"
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def create(transport: Transport, name: str, access: Access) -> "Compatible":
    return Compatible(
        name,
        transport,
        access,
        headers={"Authorization": f"Bearer {access.key}"} if access.key else {},
        paths={"openai_chat": "/chat/completions", "openai_responses": "/responses"},
    )


class Compatible(HttpProvider):
    async def send(self, call: UpstreamCall) -> UpstreamReply:
        if call.wire == "openai_chat":
            call = replace(call, body=_bounded_twice(call.body))
        return await super().send(call)


def _bounded_twice(body: bytes) -> bytes:
    fields = _fields.decode(body)
    if _BOUND not in fields:
        return body
    return msgspec.json.encode({**fields, _OLD_BOUND: fields[_BOUND]})

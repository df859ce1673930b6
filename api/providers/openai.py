"""OpenAI: Chat Completions and Responses, credential as a bearer token. The base URL ends in /v1, as in its
SDK."""

from api.providers.http import HttpProvider, Transport

NAME = "openai"


def create(transport: Transport, *, base_url: str, key: str | None) -> HttpProvider:
    return HttpProvider(
        NAME,
        transport,
        base_url=base_url,
        headers={"Authorization": f"Bearer {key or ''}"},
        paths={"openai_chat": "/chat/completions", "openai_responses": "/responses"},
        is_available=bool(key),
    )

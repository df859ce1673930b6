"""Anthropic: the Messages API, credential as x-api-key. The base URL comes without /v1, as in its SDK.

Version 2023-06-01 for all models: under the newer one Sonnet's sampling parameters are refused.
"""

from api.providers.http import HttpProvider, Transport

NAME = "anthropic"
VERSION = "2023-06-01"


def create(transport: Transport, *, base_url: str, key: str | None) -> HttpProvider:
    return HttpProvider(
        NAME,
        transport,
        base_url=base_url,
        headers={"x-api-key": key or "", "anthropic-version": VERSION},
        paths={"anthropic_messages": "/v1/messages"},
        is_available=bool(key),
    )

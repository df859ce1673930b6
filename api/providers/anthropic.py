"""Anthropic: the Messages API, credential as x-api-key. The base URL comes without /v1, as in its SDK.

Version 2023-06-01 for all models: under the newer one Sonnet's sampling parameters are refused.
"""

from api.providers.base import Access
from api.providers.http import HttpProvider, Transport

NAME = "anthropic"
VERSION = "2023-06-01"


def create(transport: Transport, name: str, access: Access) -> HttpProvider:
    return HttpProvider(
        name,
        transport,
        access,
        headers={"x-api-key": access.key or "", "anthropic-version": VERSION},
        paths={"anthropic_messages": "/v1/messages"},
    )

"""The vendors that can be reached. A new one on a known wire is one file here and one line below."""

from collections.abc import Mapping
from types import ModuleType
from typing import Final

from api.providers import anthropic, openai, openai_compatible
from api.providers.base import Access as Access
from api.providers.base import Provider
from api.providers.base import Timeouts as Timeouts
from api.providers.http import Transport

VENDORS: Final[dict[str, ModuleType]] = {
    vendor.NAME: vendor for vendor in (openai, anthropic, openai_compatible)
}


def create_providers(transport: Transport, access: Mapping[str, Access]) -> dict[str, Provider]:
    """One provider per name in `access`. KeyError for a vendor that is not among `VENDORS`."""
    return {
        name: VENDORS[entry.vendor or name].create(transport, name, entry) for name, entry in access.items()
    }

"""The vendors that can be reached. A new one on a known wire is one file here and one line below."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from api.providers import anthropic, openai
from api.providers.base import Provider
from api.providers.http import Transport

VENDORS: Final[dict[str, ModuleType]] = {vendor.NAME: vendor for vendor in (openai, anthropic)}


@dataclass(frozen=True, slots=True)
class Access:
    """Where a vendor is and what opens it; without a key its models are unavailable."""

    base_url: str
    key: str | None


def create_providers(transport: Transport, access: Mapping[str, Access]) -> dict[str, Provider]:
    """One provider per vendor named in `access`."""
    return {
        name: VENDORS[name].create(transport, base_url=entry.base_url, key=entry.key)
        for name, entry in access.items()
    }

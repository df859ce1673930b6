"""A fake provider and a gateway in front of it, for tests that send real requests."""

from collections.abc import Iterator
from pathlib import Path

import gateways
import httpx
import pytest
from fakes import provider

from api.providers import Access
from models import keys


@pytest.fixture
def upstream() -> Iterator[provider.FakeProvider]:
    with provider.start() as started:
        yield started


@pytest.fixture
def gateway(tmp_path: Path, upstream: provider.FakeProvider) -> Iterator[gateways.Gateway]:
    access = {
        "openai": Access(upstream.openai_base_url, "upstream-key-1"),
        "anthropic": Access(upstream.anthropic_base_url, "upstream-key-2"),
    }
    with gateways.running_gateway(tmp_path, access) as running:
        yield running


@pytest.fixture
def issued(gateway: gateways.Gateway) -> keys.Issued:
    return gateway.key(gateway.account())


@pytest.fixture
def client(gateway: gateways.Gateway, issued: keys.Issued) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {issued.secret}"}
    with httpx.Client(base_url=gateway.base_url, headers=headers, timeout=30, trust_env=False) as client:
        yield client

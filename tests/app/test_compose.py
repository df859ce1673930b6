"""compose.yaml, held in text: no engine for containers runs here."""

import re
from pathlib import Path
from typing import Any

import running
import yaml

from app import serving, settings

TEXT = (running.ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STARSCOO = ("starscoo-1", "starscoo-2")
OF_POSTGRES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}


def test_it_is_two_processes_on_postgres_and_redis_behind_a_proxy() -> None:
    assert set(SERVICES) == {"proxy", "postgres", "redis", *STARSCOO}
    for name, service in SERVICES.items():
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        # Names of images alone: where they come from is the operator's business.
        assert "/" not in service["image"], name


def test_nothing_but_the_proxy_can_be_reached_and_that_on_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert SERVICES["proxy"]["ports"] == ["${PROXY_LISTEN:-127.0.0.1:8080}:8080"]
    assert "listen 8080;" in (running.ROOT / "assets" / "nginx.conf").read_text()
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]


def test_the_processes_differ_in_their_address_alone() -> None:
    one, other = (
        {name: value for name, value in SERVICES[each].items() if name != "networks"} for each in STARSCOO
    )
    assert one == other
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert "USER 10001:10001" in (running.ROOT / "Dockerfile").read_text()
    assert one["tmpfs"] == "/data:uid=10001,gid=10001,mode=0700"
    assert "/readyz" in one["healthcheck"]["test"][-1]
    assert int(one["stop_grace_period"].removesuffix("s")) > serving.DRAIN_SECONDS + 5


def test_every_variable_is_one_that_starscoo_knows() -> None:
    environment = SERVICES["starscoo-1"]["environment"]
    assert set(environment) <= {option.variable for option in settings.options()}
    assert environment["STARSCOO_LIMITER"] == "redis"
    assert set(SERVICES["postgres"]["environment"]) == OF_POSTGRES


def test_it_holds_no_secret_and_demands_the_one_it_needs() -> None:
    for name, value in SERVICES["starscoo-1"]["environment"].items():
        if name.endswith("_API_KEY"):
            assert value == f"${{{name}:-}}"
    assert len(re.findall(r"\$\{POSTGRES_PASSWORD:\?[^}]+\}", TEXT)) == 2
    assert len(re.findall(r"\$\{POSTGRES_PASSWORD", TEXT)) == 2


def test_the_proxy_reads_the_configuration_that_is_tested_and_finds_both_processes() -> None:
    proxy = SERVICES["proxy"]
    source, target, mode = proxy["volumes"][0].split(":")
    assert Path(running.ROOT, source).is_file()
    assert (proxy["command"][-2:], mode) == (["-c", target], "ro")
    given = {name: SERVICES[name]["networks"]["front"]["ipv4_address"] for name in STARSCOO}
    assert dict(line.split(":", 1) for line in proxy["extra_hosts"]) == given
    for name in STARSCOO:
        assert f"server {name}:8080 " in (running.ROOT / source).read_text()
        trusted = SERVICES[name]["environment"]["STARSCOO_TRUSTED_PROXIES"]
        assert trusted == proxy["networks"]["front"]["ipv4_address"]

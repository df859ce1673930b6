"""What stands around the code: README, locks, Makefile, image. Promises in text, held in text."""

import json
import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest
import running

from api.errors import KINDS
from app import docs_text, samples, settings

ROOT = running.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
LOCKS = ("requirements.lock", "requirements-dev.lock", "tests/clients/requirements.lock")


def table(*rows: tuple[str, ...]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_the_readme_lists_every_option_as_it_is() -> None:
    rows = [
        (f"`{option.variable}`", option.default or "unset", option.description)
        for option in settings.options()
    ]
    assert table(("Variable", "Default", "What it is, and why"), ("---", "---", "---"), *rows) in README


def test_the_readme_lists_every_error_as_the_gateway_knows_it() -> None:
    rows = [
        (str(line.status), f"`{line.code}`", f"`{KINDS[line.code][1]}`", line.meaning, line.advice)
        for line in docs_text.ERRORS
    ]
    head = ("Status", "`code`", "`type`", "Meaning", "What to do")
    assert table(head, ("---",) * len(head), *rows) in README
    assert {(line.status, line.code) for line in docs_text.ERRORS} == {
        (status, kind) for kind, (status, _, _) in KINDS.items()
    }


@pytest.mark.parametrize("language", samples.SUFFIXES)
def test_the_readme_shows_the_first_call_that_is_tested(language: samples.Language) -> None:
    shown = samples.text("quickstart", language, base_url="http://127.0.0.1:8080/v1", model="gpt-5-mini")
    assert shown.strip() in README


def test_the_readme_names_every_directory_of_the_code_that_exists() -> None:
    for name in re.findall(r"^([a-z]\w*/)", README, re.MULTILINE):
        assert (ROOT / name).is_dir(), name
    for folder in ("app", "api", "models", "assets", "tests"):
        assert f"\n{folder}/" in README


def test_what_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    requirements = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert len(requirements) > 50
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.parametrize("lock", LOCKS[:2])
def test_the_locks_hold_what_the_project_asks_for(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["build"]]
    if "dev" in lock:
        wanted += project["optional-dependencies"]["dev"]
    locked = set(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==", (ROOT / lock).read_text(), re.MULTILINE))
    assert {re.split(r"[\[<>=]", name)[0] for name in wanted} <= locked


@pytest.mark.parametrize("folder", ["tests/javascript", "tests/clients"])
def test_packages_for_javascript_are_locked_with_hashes_and_no_address(folder: str) -> None:
    locked = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    asked = json.loads((ROOT / folder / "package.json").read_text())["dependencies"]
    assert locked.pop("")["dependencies"] == asked
    for name, package in locked.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


@pytest.mark.parametrize("target", ["help", "run", "demo", "test", "clients", "lint", "lock"])
def test_make_knows_its_targets(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert target == "help" or f"make {target}" in made("help")


def made(*words: str) -> str:
    done = subprocess.run(
        ["make", *words], cwd=ROOT, capture_output=True, text=True, env=running.bare_environment()
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("dotenv", "environment", "command"),
    [
        (None, {}, "demo"),
        (None, {"OPENAI_API_KEY": "sk-1"}, "serve"),
        (None, {"ANTHROPIC_API_KEY": "sk-1"}, "serve"),
        (None, {"ANTHROPIC_API_KEY": ""}, "demo"),
        ("OPENAI_API_KEY=sk-1\n", {}, "serve"),
        ("export ANTHROPIC_API_KEY='sk-1'\n", {}, "serve"),
        ("OPENAI_API_KEY=\nANTHROPIC_API_KEY=''\n", {}, "demo"),
        ("#OPENAI_API_KEY=sk-1\nOPENAI_BASE_URL=http://localhost/v1\n", {}, "demo"),
    ],
)
def test_make_run_starts_the_demo_until_a_provider_key_is_set(
    tmp_path: Path, dotenv: str | None, environment: dict[str, str], command: str
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    for name in ("pyproject.toml", "requirements.lock", ".venv/.ready"):
        (tmp_path / name).touch()
    if dotenv is not None:
        (tmp_path / ".env").write_text(dotenv)
    done = subprocess.run(
        ["make", "run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=running.bare_environment(**environment),
    )
    assert done.stdout == f"-m app {command}\n", done.stderr


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\n[ "$1" != -c ]\n')
    old.chmod(0o755)
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/venv.sh", tmp_path / ".ci")
    (tmp_path / "requirements.lock").touch()
    done = subprocess.run(
        ["sh", ".ci/venv.sh", "requirements.lock"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=running.bare_environment(PYTHON=str(old)),
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.2" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_image_keeps_its_promises() -> None:
    text = (ROOT / "Dockerfile").read_text()
    _, build, final = text.split("\nFROM ")
    assert "--require-hashes -r requirements.lock" in build
    assert re.search(r"pip install --no-index --no-deps .*\.\n", build), "nothing unlocked may come in"
    assert "pip install" not in final
    assert "USER 10001:10001" in final
    assert "STARSCOO_HOST=0.0.0.0" in final
    assert "STARSCOO_DATABASE_URL=sqlite:////data/starscoo.db" in final
    assert "VOLUME /data" in final
    assert "TMPDIR=/data" in final
    assert re.search(r'HEALTHCHECK .*CMD \["python", .*/healthz', final)
    assert re.findall(r"--chown=\S+", final) == [], "the program belongs to root, who does not run it"


def test_the_image_is_given_only_what_it_needs() -> None:
    lines = (ROOT / ".dockerignore").read_text().split()
    assert lines[0] == "*"
    assert set(lines[1:]) == {
        *("!app", "!api", "!models", "!assets"),
        *("!pyproject.toml", "!requirements.lock", "!README.md", "!LICENSE", "**/__pycache__"),
    }


def test_the_wheel_holds_the_program_whole_and_nothing_else(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    [built] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        names = wheel.namelist()
    for needed in (
        "app/cli.py",
        "api/gateway.py",
        "models/migrations/env.py",
        "assets/catalog.toml",
        "assets/samples/quickstart.sh",
        "assets/starscoo.css",
    ):
        assert needed in names
    rooms = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert rooms == {"app", "api", "models", "assets"}


def test_the_example_of_a_dotenv_file_names_only_options_that_exist() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named <= {option.variable for option in settings.options()}
    assert {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "STARSCOO_PUBLIC_URL", "STARSCOO_DATABASE_URL"} <= named

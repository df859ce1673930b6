"""The rules of structure: who may import whom, what may be used where, how long things may be."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("app", "api", "models")

# Inside api: what a part may import of api, itself always included. A part is a module or package of api.
CANONICAL = {"errors", "types", "sse", "pricing"}
STEPS = {"auth", "admission", "routing", "relay", "metering"}
API_PARTS = {
    "errors": set[str](),
    "types": set[str](),
    "pricing": set[str](),
    "sse": set[str](),
    "wires": CANONICAL,
    "providers": CANONICAL,
    "sandbox": CANONICAL,
    **{step: CANONICAL | {"wires", "providers"} for step in STEPS},
    "breaker": CANONICAL,
    "second_try": CANONICAL | {"breaker", "providers"},
    "client": CANONICAL | {"wires"},
    "outlet": {"client"},
    "failures": CANONICAL | {"wires", "providers"},
    "work": CANONICAL | STEPS | {"wires", "providers", "client", "breaker", "second_try"},
    "settlement": CANONICAL | STEPS | {"client", "work"},
    "exchange": CANONICAL
    | STEPS
    | {"wires", "providers", "client", "outlet", "failures", "settlement", "work", "breaker", "second_try"},
    "upkeep": CANONICAL | STEPS | {"work"},
    "pipeline": CANONICAL
    | STEPS
    | {"wires", "providers", "client", "outlet", "exchange", "work", "breaker", "second_try"},
    "openapi": CANONICAL,
    "gateway": CANONICAL | {"auth", "client", "openapi", "pipeline"},
}

# Libraries that have one place; everything below a folder counts.
PLACES = {
    "nicegui": ["app"],
    "fastapi": ["api/gateway.py", "app"],
    "aiohttp": ["api/providers/http.py"],
    "httpx": ["app", "tests"],
    "redis": ["models/live"],
    "passlib": ["models/passwords.py"],
    "psycopg": ["models"],
    "alembic": ["models/migrations"],
    "sqlmodel": ["models", "app/cli.py", "app/demo.py"],
    "typer": ["app/cli.py", "app/backup_commands.py", "app/ledger_commands.py", "app/terminal.py"],
    "genai_prices": ["app/catalog_prices.py"],
    "uvicorn": ["app"],
    "smtplib": ["app/mail.py"],
}

SETTINGS_READERS = {"app/main.py", "app/cli.py", "app/terminal.py", "app/__main__.py", "app/demo.py"}
PUT_TOGETHER = {"app/main.py", "app/cli.py", "app/demo.py", "app/duties.py"}
IMPURE = {
    "asyncio",
    "time",
    "datetime",
    "os",
    "socket",
    "random",
    "secrets",
    "pathlib",
    "logging",
    "threading",
}


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """Dotted names; `from a import b` is `a.b`, since b may be a module. Imports for types alone count too."""
    found = set[str]()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def starts(imported: str, package: str) -> bool:
    return imported == package or imported.startswith(f"{package}.")


@pytest.mark.parametrize("room", ROOMS)
def test_the_three_packages_are_those_of_this_repository(room: str) -> None:
    package = importlib.import_module(room)
    assert package.__file__ is not None
    assert Path(package.__file__).parent == ROOT / room


def test_models_know_neither_face() -> None:
    for path in python_files("models"):
        assert not [name for name in imports(path) if starts(name, "app") or starts(name, "api")], name_of(
            path
        )


def test_the_gateway_knows_no_page() -> None:
    for path in python_files("api"):
        assert not [name for name in imports(path) if starts(name, "app")], name_of(path)


def test_pages_reach_the_gateway_only_where_everything_is_put_together() -> None:
    for path in python_files("app"):
        if name_of(path) not in PUT_TOGETHER:
            assert not [name for name in imports(path) if starts(name, "api")], name_of(path)


def test_settings_flow_down_as_arguments() -> None:
    for path in python_files(*ROOMS):
        if name_of(path) not in SETTINGS_READERS:
            assert not [name for name in imports(path) if starts(name, "app.settings")], name_of(path)


def test_only_the_settings_read_the_environment() -> None:
    for path in python_files(*ROOMS):
        if name_of(path) == "app/settings.py":
            continue
        used = {node.attr for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute)}
        assert not used & {"environ", "getenv"}, name_of(path)


def test_nothing_of_the_product_imports_tests() -> None:
    tests = {path.stem for path in (ROOT / "tests").glob("*.py")} | {"tests", "fakes", "pytest"}
    for path in python_files(*ROOMS):
        assert not {name.split(".")[0] for name in imports(path)} & tests, name_of(path)


def test_each_part_of_the_gateway_imports_only_what_lies_below_it() -> None:
    for path in python_files("api"):
        part = path.relative_to(ROOT / "api").parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        used = {name.split(".")[1] for name in imports(path) if name.startswith("api.")}
        assert part in API_PARTS, f"{name_of(path)}: a new part needs its place in API_PARTS"
        assert used <= API_PARTS[part] | {part}, name_of(path)


def test_wires_are_pure() -> None:
    for path in python_files("api/wires"):
        assert not {name.split(".")[0] for name in imports(path)} & IMPURE, name_of(path)
        waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
        assert not [node for node in ast.walk(parsed(path)) if isinstance(node, waits)], name_of(path)


@pytest.mark.parametrize("library", PLACES)
def test_a_library_with_one_place_stays_there(library: str) -> None:
    for path in python_files(*ROOMS):
        here = name_of(path)
        if not any(here == place or here.startswith(f"{place}/") for place in PLACES[library]):
            assert not [name for name in imports(path) if starts(name, library)], f"{here} imports {library}"


def test_no_vendor_is_named_outside_its_place() -> None:
    """Vendors are known to providers, wires, the sandbox that speaks as they do, the catalog and the options."""
    allowed = ("api/providers/", "api/wires/", "api/sandbox/")
    for path in python_files("api", "models"):
        if name_of(path).startswith(allowed):
            continue
        names = [
            node.value
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.Constant) and node.value in ("openai", "anthropic")
        ]
        assert not names, name_of(path)


def test_no_file_is_longer_than_450_lines() -> None:
    for path in python_files(*ROOMS, "tests"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 450, name_of(path)


def test_no_function_is_longer_than_60_lines() -> None:
    for path in python_files(*ROOMS, "tests"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{name_of(path)}: {node.name}"


def test_every_file_has_a_room() -> None:
    for path in python_files(*ROOMS, "tests"):
        assert path.stem not in ("utils", "helpers", "common", "core"), name_of(path)


def test_every_module_of_the_product_says_what_it_is_for() -> None:
    for path in python_files(*ROOMS):
        if path.read_text(encoding="utf-8").strip():
            assert ast.get_docstring(parsed(path)), name_of(path)

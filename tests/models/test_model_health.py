from models import ledger, model_health, windows
from models.database import Database
from models.ledger import FinalRow, Usage

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC


def write(database: Database, *rows: tuple[str, str, int, int]) -> None:
    """Model, outcome, first token in ms, hours ago."""
    finals = []
    for number, (model, outcome, first, hours_ago) in enumerate(rows):
        at = NOON - hours_ago * windows.HOUR
        owner = (f"req_{number}", 1 + number % 2, 7, model, at * 1000)
        end = (outcome, 200, None, Usage(10, output_tokens=5), False, 7)
        finals.append(FinalRow(*owner, *end, first, 2 * first, "end", windows.hour_of(at)))
    with database.write_batch() as connection:
        ledger.write(connection, [], finals, [])


def test_models_are_told_over_all_accounts_and_the_last_day(database: Database) -> None:
    write(
        database,
        ("gpt-5", "ok", 100, 0),
        ("gpt-5", "ok", 1000, 23),
        ("gpt-5", "ok", 5000, 24),
        ("gpt-5", "cut", 9000, 1),
        ("codex-1", "client_abort", 50, 1),
    )
    found = database.read_now(model_health.by_model, now=NOON)
    assert (found["gpt-5"].requests, found["gpt-5"].errors) == (3, 1)
    assert (found["codex-1"].requests, found["codex-1"].errors) == (1, 0)
    slowest = found["gpt-5"].first_token_ms(0.99)
    assert slowest is not None
    assert abs(slowest - 1000) < 100
    total = found["gpt-5"].total_ms(0.5)
    assert total is not None
    assert abs(total - 200) < 20


def test_a_model_that_produced_nothing_has_no_times() -> None:
    assert model_health.ModelHealth().first_token_ms(0.5) is None

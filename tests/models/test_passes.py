"""What stands for a key for a minute, and for how long it does."""

from fakes.clock import Clock

from models import keys, passes
from models.keys import ApiKey
from models.passes import Passes

KEY = ApiKey(id=7, public_id="p", account_id=3, name="k", digest="d" * 64, last4="abcd", created_at=0)


def test_a_pass_stands_for_its_key_for_a_minute() -> None:
    clock = Clock(1_000)
    book = Passes(clock)
    secret = book.mint(KEY)
    assert book.key_digest(secret) == KEY.digest
    clock.advance(passes.SECONDS - 1)
    assert book.key_digest(secret) == KEY.digest
    clock.advance(1)
    assert book.key_digest(secret) is None


def test_a_pass_that_was_ended_opens_nothing() -> None:
    book = Passes(Clock(0))
    ended, other = book.mint(KEY), book.mint(KEY)
    book.end(ended)
    assert book.key_digest(ended) is None
    assert book.key_digest(other) == KEY.digest


def test_nothing_but_the_whole_secret_opens() -> None:
    book = Passes(Clock(0))
    secret = book.mint(KEY)
    for wrong in (
        "",
        secret[:-1],
        secret + "x",
        secret.upper(),
        KEY.digest,
        secret.split("-", 2)[2],
        "ü" * 20,
        "\ud800",
    ):
        assert book.key_digest(wrong) is None


def test_a_pass_is_long_is_no_key_and_is_not_kept_in_clear() -> None:
    book = Passes(Clock(0))
    secret = book.mint(KEY)
    assert len(secret.rpartition("-starscoo-")[2]) >= 43  # 256 bits in base64
    assert not keys.well_formed(secret)
    assert secret not in repr(vars(book))
    assert len({book.mint(KEY) for _ in range(50)}) == 50


def test_memory_has_a_bound() -> None:
    clock = Clock(0)
    book = Passes(clock)
    first = book.mint(KEY)
    for _ in range(passes.MOST):
        last = book.mint(KEY)
    assert book.key_digest(first) is None
    assert book.key_digest(last) == KEY.digest
    clock.advance(passes.SECONDS)
    book.mint(KEY)
    assert len(vars(book)["_living"]) == 1

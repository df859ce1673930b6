"""Passwords as argon2id hashes, at OWASP's floor: 19 MiB, two passes, one lane.

A verification takes some 60 ms of one core, so it belongs in a thread. passlib is known to this file alone; it
has had no release since 2020, and its argon2 part works with argon2-cffi 25.
"""

import secrets
from functools import cache

from passlib.context import CryptContext

MIN_LENGTH = 12
"""Shorter passwords are refused where they are chosen; nothing else is asked of them."""

_context = CryptContext(
    schemes=["argon2"],
    argon2__type="ID",
    argon2__memory_cost=19 * 1024,
    argon2__time_cost=2,
    argon2__parallelism=1,
)


def hash_password(text: str) -> str:
    """A PHC string, which carries its own parameters."""
    return str(_context.hash(text))


def verify(text: str, stored: str | None) -> bool:
    """Without a stored hash the same work is done for nothing: time must not tell which accounts exist."""
    try:
        matches = bool(_context.verify(text, stored or _dummy()))
    except ValueError:  # a text that is too long or no Unicode, or a stored hash that is none
        return False
    return matches and stored is not None


def needs_rehash(stored: str) -> bool:
    """Whether it was made with other parameters than today's; hash anew while the password is at hand."""
    return bool(_context.needs_update(stored))


@cache
def _dummy() -> str:
    return hash_password(secrets.token_urlsafe(16))

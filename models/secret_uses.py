"""When secrets of rotated keys were last sent to this process: noted per request in memory, written in batches.

Only keys for which it matters are noted (`Principal.is_watched`), so the path of all others is untouched.
"""

from typing import Final

REMEMBERED: Final = 10_000


class SecretUses:
    """Times are Unix seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._unwritten: dict[tuple[int, str], int] = {}

    def note(self, key_id: int, digest: str, at: int) -> None:
        self._seen[digest] = at
        self._unwritten[key_id, digest] = at

    def seen(self, digest: str | None) -> int | None:
        """What this process has noted lately; None says nothing of other processes or of before."""
        return None if digest is None else self._seen.get(digest)

    def take(self) -> dict[tuple[int, str], int]:
        """What was noted since this was asked last. What is then not written is noted again by the next request."""
        taken, self._unwritten = self._unwritten, {}
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return taken

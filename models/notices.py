"""What the operator should know and act on, shown on the admin page.

Held in memory: a notice tells of a trouble that lasts, and whoever meets it again notes it again, so a restart
loses nothing. One notice per subject; it ends when its subject works again. Each process knows its own.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Notice:
    """`since` and `last` in Unix seconds: when this trouble was met first and last; `count` times in all."""

    subject: str
    text: str
    since: int
    last: int
    count: int


class Notices:
    """True while there is one. Subjects come from the catalog, so their number is bounded."""

    def __init__(self) -> None:
        self._notices: dict[str, Notice] = {}

    def __bool__(self) -> bool:
        return bool(self._notices)

    def note(self, subject: str, text: str, *, now: int) -> bool:
        """True when this subject had no notice before."""
        known = self._notices.get(subject)
        if known is None:
            self._notices[subject] = Notice(subject, text, now, now, 1)
        else:
            self._notices[subject] = replace(known, text=text, last=now, count=known.count + 1)
        return known is None

    def clear(self, subject: str) -> None:
        """The subject works again, or never failed."""
        self._notices.pop(subject, None)

    def current(self) -> list[Notice]:
        """The newest trouble first."""
        return sorted(self._notices.values(), key=lambda notice: -notice.since)

"""What the rows of the audit tell the owner of a key: what was done to it, by whom, and what it was before."""

from collections.abc import Callable, Mapping
from typing import Final

from app import words
from app.components import ladder
from models.audit import AuditRow

_LIMIT: Final = "limit."
_SAID: Final[Mapping[str, Callable[[AuditRow], str]]] = {
    "key.create": lambda row: "Created",
    "key.revoke": lambda row: "Revoked",
    "key.rename": lambda row: f"Renamed from “{row.old}” to “{row.new}”",
    "key.pause": lambda row: "Paused",
    "key.resume": lambda row: "Resumed",
    "key.rotate": lambda row: f"Rotated, {row.old} → {row.new}",
    "key.reissue": lambda row: f"Issued again, {row.old} → {row.new}",
    "key.end_old": lambda row: f"Old secret {row.old} ended",
    "key.expiry": lambda row: f"Expiry: {row.old} → {row.new}",
    "key.models": lambda row: f"Models: {row.old} → {row.new}",
}


def what(row: AuditRow) -> str:
    """One sentence, with the reason where one was given."""
    if row.act in _SAID:
        said = _SAID[row.act](row)
    elif row.act.startswith(_LIMIT):
        said = _limit(row)
    else:
        said = row.act
    return f"{said} · “{row.reason}”" if row.reason else said


def who(row: AuditRow, own_email: str) -> str:
    """The owner himself, the command line, or staff without a name."""
    if row.actor == own_email:
        return "you"
    return row.actor if "@" not in row.actor else "staff"


def _limit(row: AuditRow) -> str:
    name = row.act.removeprefix(_LIMIT)
    names: Mapping[str, str] = {str(key): value for key, value in ladder.NAMES.items()}
    return f"{names.get(name, name)} {_value(row.old)} → {_value(row.new)}"


def _value(text: str) -> str:
    return words.exact(int(text)) if text.isascii() and text.isdigit() else text

"""Why a request was refused, in a sentence for its owner: the figures of the decision itself."""

from typing import Final

from app import words
from models.refusals import RefusalRow

_LIMITS: Final = {
    "hourly_requests": ("Hourly request limit", "requests", "the hour"),
    "monthly_tokens": ("Monthly token cap", "tokens", "the month"),
}
_LAYERS: Final = {"key": "of this key", "account": "of the whole account"}


def reason(row: RefusalRow, *, now: int) -> str:
    """`Hourly request limit of this key: 10 of 10 requests were used or held; the hour ends at 14:00 UTC.`"""
    if row.limit_name == "concurrent_requests" and row.value is not None:
        return (
            f"Requests at once of this key: {words.exact(row.count or 0)} ran, and "
            f"{words.exact(row.value)} may. The next fits when one has ended."
        )
    if row.limit_name in _LIMITS and row.value is not None and row.window_end is not None:
        name, unit, window = _LIMITS[row.limit_name]
        verb = "ends" if row.window_end > now else "ended"
        return (
            f"{name} {_LAYERS.get(row.layer or '', '')}: {words.exact(row.count or 0)} of "
            f"{words.exact(row.value)} {unit} were used or held; {window} {verb} {words.utc_day(row.window_end)}."
        )
    return row.message or f"Refused as {row.code}."

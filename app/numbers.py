"""Figures in words, from integers alone: the same text wherever the same number stands."""

from typing import Final

_UNITS: Final = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))


def exact(count: int) -> str:
    """`1,234,567`."""
    return f"{count:,}"


def short(count: int) -> str:
    """Exact below 10,000, then three or more digits and a unit: `12.3 k`, `18.4 M`. Show `exact` on hover."""
    if count < 10_000:
        return exact(count)
    for unit, letter in _UNITS:
        tenths = (count * 10 + unit // 2) // unit
        if tenths >= 10:
            return f"{tenths // 10:,}.{tenths % 10} {letter}"
    raise AssertionError("unreachable: 10,000 is more than the smallest unit")


def dollars(cost_nusd: int) -> str:
    """Nano-dollars to four digits of a dollar, half up: `$0.0123`, `$1,204.5000`."""
    parts = (cost_nusd + 50_000) // 100_000
    return f"${parts // 10_000:,}.{parts % 10_000:04d}"

"""The ledger: one row per admitted request, open before its first byte and final before its last, and the
hourly sums made of them in the same transaction."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request in disjoint classes; `reasoning_tokens` is a named share of `output_tokens`.

    Vendors differ in what their prompt figure includes; each wire says how it maps. A class that the vendor
    did not report is 0, a request without any report has no `Usage` at all.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """All input, cached or not: what the client sees as `prompt_tokens`."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """What the monthly cap counts, and what the client sees as `total_tokens`."""
        return self.prompt_tokens + self.output_tokens

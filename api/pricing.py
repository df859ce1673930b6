"""Usage to cost: whole nano-dollars, never floats."""

from typing import Final

from models.catalog import Price
from models.ledger import Usage

_MILLION: Final = 1_000_000


def cost(used: Usage, price: Price) -> int:
    """Nano-dollars of one request, rounded up once."""
    long_write_nusd = price.cache_write_1h_nusd
    total = (
        used.input_tokens * price.input_nusd
        + used.cache_read_tokens * price.cache_read_nusd
        + (used.cache_write_tokens - used.cache_write_1h_tokens) * price.cache_write_nusd
        + used.cache_write_1h_tokens
        * (price.cache_write_nusd if long_write_nusd is None else long_write_nusd)
        + used.output_tokens * price.output_nusd
    )
    return -(-total // _MILLION)

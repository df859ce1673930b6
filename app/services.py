"""What pages may use: the same parts that the gateway uses, handed down, never imported."""

from collections.abc import Callable
from dataclasses import dataclass

from nicegui import Event

from models.catalog import Catalog
from models.database import Database
from models.live import Live
from models.notices import Notices


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that has just been settled, or refused: what an open page shows within half a second.

    `refusal` is the very sentence the client got; then tokens and times are 0.
    """

    account_id: int
    key_id: int
    model: str
    outcome: str
    total_tokens: int
    total_ms: int
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Services:
    """`is_available(model_id)` tells whether an upstream credential stands behind a model. `public_url` is
    what the operator says the address is; None means: as the request came. `arrivals` is emitted at most 4
    times a second with all that came since."""

    database: Database
    live: Live
    catalog: Catalog
    clock: Callable[[], float]
    arrivals: Event[list[Arrival]]
    notices: Notices
    is_available: Callable[[str], bool]
    public_url: str | None
    is_signup_open: bool
    is_sandbox: bool
    is_secure: bool

    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock())

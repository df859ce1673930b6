"""What pages may use: the same parts that the gateway uses, handed down, never imported."""

from collections.abc import Callable
from dataclasses import dataclass

from app.arrivals import Arrivals
from models.catalog import Catalog
from models.database import Database
from models.live import Live
from models.notices import Notices


@dataclass(frozen=True, slots=True)
class Services:
    """`is_available(model_id)` tells whether an upstream credential stands behind a model. `public_url` is
    what the operator says the address is; None means: as the request came. `arrivals` tells open
    pages what has just been settled. Rows of single requests are kept for `keep_requests_days`."""

    database: Database
    live: Live
    catalog: Catalog
    clock: Callable[[], float]
    arrivals: Arrivals
    notices: Notices
    is_available: Callable[[str], bool]
    public_url: str | None
    is_signup_open: bool
    is_sandbox: bool
    is_secure: bool
    keep_requests_days: int = 90

    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock())

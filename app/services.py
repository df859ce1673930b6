"""What pages may use: the same parts that the gateway uses, handed down, never imported."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.arrivals import Arrivals
from app.health import Health
from app.mail import Outbox
from app.own_requests import OwnRequests
from models.catalog import Catalog
from models.database import Database
from models.live import Live
from models.notices import Notices
from models.secret_uses import SecretUses


@dataclass(frozen=True, slots=True)
class Services:
    """`is_available(model_id)` tells whether an upstream credential stands behind a model. `public_url` is
    what the operator says the address is; None means: as the request came. `arrivals` tells open
    pages what has just been settled, `uses` knows when the secrets of rotated keys were last sent to this process.
    `mail` is None without a mail server; then nothing offers a mail. Rows of single requests are kept for
    `keep_requests_days`."""

    database: Database
    live: Live
    catalog: Catalog
    clock: Callable[[], float]
    arrivals: Arrivals
    notices: Notices
    health: Health
    own_requests: OwnRequests
    is_available: Callable[[str], bool]
    public_url: str | None
    is_signup_open: bool
    is_sandbox: bool
    is_secure: bool
    uses: SecretUses = field(default_factory=SecretUses)
    mail: Outbox | None = None
    keep_requests_days: int = 90

    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock())

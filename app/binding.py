"""Making a change of keys and limits bind in this very process at once, and show on pages that are open here; others
follow within a second."""

from app.services import Services
from models import epochs


async def bind_now(services: Services, account_id: int) -> None:
    """To be awaited after a change of that account has been committed."""
    services.live.bump(account_id, await services.database.read(epochs.current, account_id))
    services.arrivals.changes.emit(account_id)

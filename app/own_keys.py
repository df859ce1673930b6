"""The keys of whoever looks that a request may be sent with now."""

from app.services import Services
from models import keys
from models.keys import ApiKey


async def working(services: Services, account_id: int) -> list[ApiKey]:
    """Newest first."""
    allowed = (await services.database.read(keys.allowed, account_id)).key_ids
    lines = await services.database.read(keys.listing, account_id, now=services.now())
    return [line.key for line in lines if line.key.id in allowed]

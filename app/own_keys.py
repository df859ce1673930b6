"""The keys of whoever looks that a request may be sent with now."""

from app.services import Services
from models import keys
from models.keys import ApiKey


async def working(services: Services, account_id: int) -> list[ApiKey]:
    """Newest first."""
    found = await services.database.read(keys.of_account, account_id)
    return [key for key in found if key.state(services.now()) == "active"]

"""What staff sees of the past before saving: read once per limit while a dialog is open."""

from markupsafe import Markup

from app.components import preview as drawing
from app.services import Services
from models import preview
from models.live import Limit
from models.preview import Past


class Preview:
    """Of an account, or with a key of that key alone."""

    def __init__(self, services: Services, account_id: int, key_id: int | None) -> None:
        self._services = services
        self._owner = (account_id, key_id)
        self._pasts: dict[Limit, Past] = {}

    async def of(self, name: Limit, old: int | None, new: int | None) -> Markup:
        if name not in self._pasts:
            self._pasts[name] = await self._services.database.read(
                preview.past, *self._owner, name, now=self._services.now()
            )
        return drawing.render(self._pasts[name], old=old, new=new)

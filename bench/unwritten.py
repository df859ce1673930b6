"""Starscoo with a ledger that acknowledges without writing: what everything but the ledger costs. It is for the
benchmark alone, so it is no option of the product: python -m bench.unwritten serve"""

import asyncio

import app.main
from api.metering import Ledger
from app.cli import main


class Unwritten(Ledger):
    """Every receipt is done at once, and nothing is kept."""

    def _expect(self) -> asyncio.Future[None]:
        self._opens.clear()
        self._finals.clear()
        receipt = asyncio.get_running_loop().create_future()
        receipt.set_result(None)
        return receipt


if __name__ == "__main__":
    setattr(app.main, "Ledger", Unwritten)  # noqa: B010  the one place where everything is put together
    main()

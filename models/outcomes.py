"""How one request ended, read by the id under which its client knows it."""

from sqlmodel import Session

from models.ledger import RequestRow


def of(session: Session, account_id: int, request_id: str) -> RequestRow | None:
    """The final row. None while it runs, for one that never ran, and for another account's alike."""
    row = session.get(RequestRow, request_id)
    if row is None or row.account_id != account_id or row.state != "final":
        return None
    return row

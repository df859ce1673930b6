"""Bringing the tables to the newest revision. Alembic is imported only when there is something to do."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Oldest first."""
HEAD: Final = REVISIONS[-1]


def revision(connection: Connection) -> str | None:
    """The revision that the tables stand at; None for a database without our tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def upgrade(connection: Connection, to: str = HEAD) -> None:
    """Walk to a revision within the connection's running transaction: all of it happens, or nothing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)

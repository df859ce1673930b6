"""Statements given to the database's own driver, within a transaction of SQLAlchemy's.

The ledger's writer runs seven statements per commit, all of them written out already; what SQLAlchemy does around each
one costs more than the database does.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


class DriverConnection:
    """Offers of a SQLAlchemy connection that is inside a transaction what statements in the driver's own dialect
    need. Its errors are SQLAlchemy's, without parameters: they hold what must not stand in a log."""

    def __init__(self, connection: Connection) -> None:
        self.dialect: Final = connection.dialect
        driver = connection.connection.driver_connection
        assert driver is not None
        self._cursor: Final = driver.cursor
        self._error: Final = connection.dialect.loaded_dbapi.Error

    def exec_driver_sql(
        self, statement: str, parameters: tuple[object, ...] | Sequence[tuple[object, ...]] = ()
    ) -> Iterable[Any]:
        """Once for each of a list of parameters, or once; then its rows."""
        cursor = self._cursor()
        try:
            if isinstance(parameters, list):
                cursor.executemany(statement, parameters)
                return ()
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else ()
        except self._error as error:
            raise DBAPIError.instance(
                statement, None, error, self._error, hide_parameters=True, dialect=self.dialect
            ) from error
        finally:
            cursor.close()

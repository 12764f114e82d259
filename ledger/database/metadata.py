"""The one MetaData, and what the service's role may do with each table."""

from typing import Final

from sqlalchemy import MetaData
from sqlalchemy.types import UserDefinedType

metadata: Final = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    },
    info={"functions": set(), "views": set()},
)
"""`info`: the functions that the service may call, and the views that it may read, beside the tables."""


class TransactionNumber(UserDefinedType[str]):
    """PostgreSQL's `xid8`, the number of the database transaction; cast it to text to read it."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


READ: Final = {"service": ("SELECT",)}
"""`Table(info=READ)`: the service only reads; writes go through the database's functions."""

READ_AND_ADD: Final = {"service": ("SELECT", "INSERT")}

READ_ADD_CHANGE: Final = {"service": ("SELECT", "INSERT", "UPDATE")}

READ_ADD_REMOVE: Final = {"service": ("SELECT", "INSERT", "DELETE")}

READ_ADD_CHANGE_REMOVE: Final = {"service": ("SELECT", "INSERT", "UPDATE", "DELETE")}
"""For personal data, which are destroyed when somebody asks for it."""

"""The one MetaData, and what the service's role may do with each table."""

from typing import Final

from sqlalchemy import MetaData

metadata: Final = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

READ: Final = {"service": ("SELECT",)}
"""`Table(info=READ)`: the service only reads; writes go through the database's functions."""

READ_AND_ADD: Final = {"service": ("SELECT", "INSERT")}

READ_ADD_CHANGE: Final = {"service": ("SELECT", "INSERT", "UPDATE")}

READ_ADD_REMOVE: Final = {"service": ("SELECT", "INSERT", "DELETE")}

READ_ADD_CHANGE_REMOVE: Final = {"service": ("SELECT", "INSERT", "UPDATE", "DELETE")}
"""For personal data, which are destroyed when somebody asks for it."""

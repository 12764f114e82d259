"""How Alembic runs here: as the owner, one migrator at a time, all or nothing, and then the service's privileges.

`ledger.database.schema.upgrade` hands over a connection; on the command line (`alembic revision --autogenerate`) the
owner's URL comes from MEIDE_OWNER_URL.
"""

import os

from alembic import context
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.pool import NullPool

# All tables must be known.
import ledger.access.tables
import ledger.auditing.tables
import ledger.books.tables
import ledger.database.events
import ledger.earning.tables
import ledger.recognition.tables
import ledger.spending.tables  # noqa: F401 - for what it defines
from ledger.database import schema
from ledger.database.metadata import TransactionNumber, metadata

ischema_names["xid8"] = TransactionNumber  # SQLAlchemy does not know it


def run(connection: Connection, service_role: str | None) -> None:
    connection.execute(text("SET statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_lock(hashtext('meide migrate'))"))  # however long the other one takes
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            compare_server_default=True,
            autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        )
        with context.begin_transaction():
            context.run_migrations()
            if service_role is not None:
                schema.grant(connection, service_role)
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(hashtext('meide migrate'))"))
        connection.commit()


if "connection" in context.config.attributes:
    run(context.config.attributes["connection"], context.config.attributes.get("service_role"))
else:
    owner = make_url(os.environ["MEIDE_OWNER_URL"]).set(drivername="postgresql+psycopg")
    with create_engine(owner, poolclass=NullPool).connect() as connection:
        run(connection, None)

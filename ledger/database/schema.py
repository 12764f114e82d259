"""The schema's version: bring a database to this one, and refuse to serve on another.

The owner's role migrates; the service's role may do what `privileges` lists and nothing else. The list is derived from
`Table(info=…)` and `metadata.info["functions"]`, so it stands beside what it is about.
"""

from __future__ import annotations

import functools
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from ledger.database.connect import OLDEST, first_line, reach, where
from ledger.database.metadata import metadata
from ledger.errors import (
    DatabaseRefused,
    DatabaseTooOld,
    DatabaseUnreachable,
    OwnerMayNotServe,
    SchemaAhead,
    SchemaBehind,
)


def upgrade(owner_url: str, service_role: str) -> tuple[str | None, str]:
    """Brings the schema to this version, all or nothing, and sets the service's privileges.

    Answers the revisions before and after. Raises DatabaseUnreachable, DatabaseTooOld, DatabaseRefused,
    OwnerMayNotServe, SchemaAhead.
    """
    with as_owner(owner_url) as connection:
        _check_roles(connection, service_role)
        before = _revision(connection)
        _known(before)
        settings = config()
        settings.attributes.update(connection=connection, service_role=service_role)
        command.upgrade(settings, "head")
    return before, head()


def _check_roles(connection: Connection, service_role: str) -> None:
    """Refuses what would end half-way or leave the books unprotected."""
    version, owner, exists, may_create = connection.execute(
        text(
            "SELECT current_setting('server_version_num')::int / 10000, current_user,"
            " EXISTS (SELECT FROM pg_roles WHERE rolname = :role), has_schema_privilege('public', 'CREATE')"
        ),
        {"role": service_role},
    ).one()
    connection.rollback()
    if version < OLDEST:
        raise DatabaseTooOld(str(version), OLDEST)
    if not exists:
        raise DatabaseRefused(f'role "{service_role}" does not exist')
    if owner == service_role:
        raise OwnerMayNotServe(service_role)
    if not may_create:
        raise DatabaseRefused(f'role "{owner}" may not create tables here: it must own the database')


def is_empty(owner_url: str) -> bool:
    """Whether the database has never been migrated. DatabaseUnreachable."""
    with as_owner(owner_url) as connection:
        return _revision(connection) is None


def as_owner(owner_url: str) -> Connection:
    url = make_url(owner_url).set(drivername="postgresql+psycopg")
    try:
        return create_engine(url, poolclass=NullPool).connect()
    except DBAPIError as error:
        raise DatabaseUnreachable(where(url), first_line(error)) from None


def config() -> Config:
    """Alembic's settings for the migrations that come with this version."""
    settings = Config()
    settings.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    return settings


@functools.cache
def head() -> str:
    """The revision that this version needs."""
    newest = ScriptDirectory.from_config(config()).get_current_head()
    assert newest is not None, "a release without migrations"
    return newest


async def may_serve(database: AsyncEngine) -> None:
    """Refuses a database out of reach or too old, a schema of another version, a role the books are not protected from.

    Raises DatabaseUnreachable, DatabaseTooOld, OwnerMayNotServe, SchemaBehind, SchemaAhead.
    """
    await reach(database)
    async with database.connect() as tx:
        role, privileged = (
            await tx.execute(
                text(
                    "SELECT current_user, rolsuper OR rolbypassrls OR EXISTS ("
                    "  SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                    "  WHERE n.nspname = 'public' AND c.relname IN ('entries', 'transactions')"
                    "  AND pg_has_role(current_user, c.relowner, 'MEMBER'))"
                    " FROM pg_roles WHERE rolname = current_user"
                )
            )
        ).one()
        if privileged:
            raise OwnerMayNotServe(role)
        found = await tx.run_sync(_revision)
    _known(found)
    if found != head():
        raise SchemaBehind(found, head())


def _revision(connection: Connection) -> str | None:
    found = MigrationContext.configure(connection).get_current_revision()
    connection.rollback()
    return found


def _known(revision: str | None) -> None:
    if revision is not None and revision not in _revisions():
        raise SchemaAhead(revision)


@functools.cache
def _revisions() -> frozenset[str]:
    """All revisions that this version knows."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(config()).walk_revisions())


def privileges() -> dict[str, frozenset[str]]:
    """What the service's role may do: table → privileges."""
    tables = {table.name: frozenset(table.info["service"]) for table in metadata.tables.values()}
    return tables | {name: frozenset({"SELECT"}) for name in (*metadata.info["views"], "alembic_version")}


def functions() -> frozenset[str]:
    """The functions through which alone the service writes the journal."""
    return frozenset(metadata.info["functions"])


def grant(connection: Connection, service_role: str) -> None:
    """Gives the service's role its privileges and takes every other from it and from everybody."""
    role = connection.dialect.identifier_preparer.quote_identifier(service_role)
    connection.execute(text(f"REVOKE CREATE ON SCHEMA public FROM {role}, PUBLIC CASCADE"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {role}"))
    connection.execute(text(f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}, PUBLIC CASCADE"))
    for table, allowed in privileges().items():
        connection.execute(text(f"REVOKE ALL ON public.{table} FROM {role}, PUBLIC CASCADE"))
        connection.execute(text(f"GRANT {', '.join(sorted(allowed))} ON public.{table} TO {role}"))
    for function in functions():
        connection.execute(text(f"REVOKE ALL ON FUNCTION public.{function} FROM {role}, PUBLIC CASCADE"))
        connection.execute(text(f"GRANT EXECUTE ON FUNCTION public.{function} TO {role}"))

"""For whoever operates the service: is it up, is it ready, how is it doing."""

from __future__ import annotations

from litestar import Router, get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncEngine

from api import figures
from ledger.database import schema


@get("/healthz", operation_id="health", summary="The process answers")
async def healthz() -> dict[str, str]:
    """200 as long as the process answers."""
    return {"status": "ok"}


@get("/readyz", operation_id="readiness", summary="The service can work")
async def readyz(database: NamedDependency[AsyncEngine]) -> dict[str, str]:
    """200 when the database can be reached and has this version's schema, 503 otherwise."""
    await schema.may_serve(database)
    return {"status": "ready"}


@get("/metrics", operation_id="figures", summary="Figures of the service", media_type=figures.MEDIA_TYPE)
async def metrics(database: NamedDependency[AsyncEngine]) -> bytes:
    """Counts and times of all workers since the start, in the format of Prometheus; nothing that people wrote."""
    return figures.exposition(database)


router = Router(path="/", route_handlers=[healthz, readyz, metrics], tags=["operations"])

"""What a redemption is compared with: a service whose only handler runs six trivial statements and one commit.

`python -m api.bench.trivial` with MEIDE_DATABASE_URL; the same server, framework and driver as the service has.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from typing import Final

import uvicorn
from litestar import Litestar, post
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.database import connect

STATEMENTS: Final = 6
"""Five that read one row by its key, and one that adds one, so that there is something to commit."""


def created(database: AsyncEngine) -> Litestar:
    """The service."""
    read = text("SELECT code FROM units WHERE code = :code")
    add = text("INSERT INTO attempts (digest, failures, next_at) VALUES (:digest, 0, now())")

    @post("/", status_code=201)
    async def trivial() -> dict[str, int]:
        async with database.begin() as tx:
            for _ in range(STATEMENTS - 1):
                (await tx.execute(read, {"code": "PT"})).one()
            await tx.execute(add, {"digest": secrets.token_bytes(16)})
        return {"done": STATEMENTS}

    return Litestar([trivial])


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    made = created(connect.to(os.environ["MEIDE_DATABASE_URL"]))
    config = uvicorn.Config(made, loop="uvloop", http="httptools", log_level="error")
    uvicorn.Server(config).run([listener])

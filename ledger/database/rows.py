"""Rows of values as a table within a statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, TableValuedAlias, column, func, literal
from sqlalchemy.dialects.postgresql import ARRAY


def rows_within(columns: Sequence[Column[Any]], rows: Sequence[Sequence[object]]) -> TableValuedAlias:
    """The rows as a table within a statement, with the names and types of these columns."""
    lists = zip(*rows, strict=True)
    arrays = (literal(list(each), ARRAY(like.type)) for like, each in zip(columns, lists, strict=True))
    return func.unnest(*arrays).table_valued(*(column(like.name, like.type) for like in columns)).render_derived()

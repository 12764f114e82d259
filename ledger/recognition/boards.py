"""Public boards 公示榜单: people with stars, people with most hours, and averages by organisation.

Who stands on a board is computed once, when it is published, and kept; names are not: whoever shows it asks for them at
that moment, since a consent is withdrawn at once. People here are holders, and whoever publishes has left out those who
must not be on it: this room does not know who is a minor.

What somebody served is what was signed in and out on the spot and stands in the books, on days of the board's period.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final, Literal, get_args
from uuid import UUID

from sqlalchemy import Row, Select, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger import identifiers
from ledger.books.chart import CODE
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import organisations
from ledger.errors import AlreadyDecided, InvalidField, UnknownBoard
from ledger.recognition.tables import board_rows, boards
from ledger.text import one_line

Kind = Literal["stars", "hours", "averages"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

MOST: Final = 500
"""People, or organisations, on a board."""
LEAST_STAR: Final = 3
"""Three stars and above, unless whoever publishes says otherwise."""
HIGHEST_STAR: Final = 20
CATEGORY_LENGTH: Final = 100
LEAST_ACTIVE: Final = 5
"""People who served in an organisation whose figures are shown.

With fewer, an average or a sum tells somebody who knows the others what one of them served, perhaps a minor: personal
data, which nobody agreed to have published (PIPL 4, 25; 未成年人网络保护条例, chapter 4).
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a board shall show. `organisation`: of it and those below it; None: of the whole book.

    `category`: of the services that count; None: all. `least_star`: who has fewer is not on a board of people.
    """

    kind: Kind
    from_day: date
    to_day: date
    organisation: str | None = None
    category: str | None = None
    least_star: int = LEAST_STAR


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may stand on a board: her highest star that was awarded and stands, her minutes in the period."""

    holder: str
    volunteer_no: str
    star: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Figure:
    """What the volunteers of an organisation and those below it served in the period, and how many people that is of.

    `organisation` None: the whole book. `registered`: who was registered in the period; `active`: who of them served.
    """

    organisation: str | None
    minutes: int
    registered: int
    active: int


@dataclass(frozen=True, slots=True)
class Board:
    """A board that was published. `withdrawn_at`: since when it is not shown, withdrawn or replaced by a newer one."""

    board_id: UUID
    wanted: Wanted
    figures: tuple[Figure, ...]
    published_by: str
    published_at: datetime
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody on a board, at her place from 1 on; who has been erased stands on none."""

    place: int
    volunteer_no: str
    star: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A board as it is read: with its book, what its organisation is called, and when it was read."""

    book_id: int
    book: str
    organisation: str | None
    board: Board
    people: tuple[Standing, ...]
    at: datetime


async def checked(tx: AsyncConnection, book: int, wanted: Wanted, today: date) -> None:
    """InvalidField, UnknownOrganisation."""
    if wanted.kind not in KINDS:
        raise InvalidField("kind", "not_a_board")
    if wanted.from_day > wanted.to_day:
        raise InvalidField("to_day", "before_its_beginning")
    if wanted.to_day > today:
        raise InvalidField("to_day", "in_the_future")
    if not 1 <= wanted.least_star <= HIGHEST_STAR:
        raise InvalidField("least_star", "out_of_range")
    if wanted.category is not None and not one_line(wanted.category, least=1, most=CATEGORY_LENGTH):
        raise InvalidField("category", "not_a_category")
    if wanted.organisation is not None:
        await organisations.find(tx, book, wanted.organisation)


# --- what it shows ---------------------------------------------------------------------------------------------------

_SERVED: Final = """FROM records r
    WHERE r.book_id = :book AND r.served_on BETWEEN :from_day AND :to_day AND r.class = 'credit' AND r.minutes > 0
      AND r.hours_transaction IS NOT NULL AND r.state NOT IN ('refused', 'corrected')"""
_OF_CATEGORY: Final = " AND r.category = :category"
_OF_ORGANISATION: Final = """
    JOIN organisations o ON o.book_id = :book AND o.code = v.organisation AND :organisation = ANY (o.line)"""


async def candidates(
    tx: AsyncConnection, book: int, wanted: Wanted, today: date
) -> AsyncGenerator[list[Candidate], None]:
    """Everybody who might stand on it, first places first, some hundreds at a time: take as many as it needs.

    With a category, and on a board of hours, only those who served in the period.
    """
    served = _SERVED + (_OF_CATEGORY if wanted.category is not None else "")
    only_served = wanted.kind == "hours" or wanted.category is not None
    first = "m.minutes DESC" if wanted.kind == "hours" else "h.star DESC, minutes DESC"
    statement = f"""
        WITH h AS (
            SELECT w.holder, max(w.star)::int AS star FROM awards w
            WHERE w.book_id = :book AND w.state = 'awarded' AND w.star >= :least_star GROUP BY w.holder)
        SELECT v.holder, v.volunteer_no, h.star, coalesce(m.minutes, 0) AS minutes
        FROM h JOIN volunteers v ON v.book_id = :book AND v.holder = h.holder
            AND (v.left_on IS NULL OR v.left_on > :today){_OF_ORGANISATION if wanted.organisation is not None else ""}
        CROSS JOIN LATERAL (SELECT sum(r.minutes)::bigint AS minutes {served} AND r.holder = h.holder) m
        {"WHERE m.minutes > 0" if only_served else ""}
        ORDER BY {first}, v.holder"""  # noqa: S608 - of texts of this file
    asked = _parameters(book, wanted) | {"least_star": wanted.least_star, "today": today}
    await connect.no_timeout(tx)
    found = text(statement).execution_options(yield_per=MOST)
    async with tx.stream(found, asked) as rows:
        async for some in rows.partitions():
            yield [Candidate(*row) for row in some]


async def averages(tx: AsyncConnection, book: int, wanted: Wanted) -> tuple[Figure, ...]:
    """The figures of the chosen organisation, then of those directly below it, the highest average first.

    Each counts its volunteers with those of all below it, wherever they served.
    """
    served = _SERVED + (_OF_CATEGORY if wanted.category is not None else "")
    statement = f"""
        WITH below AS (
            SELECT u.code AS part, o.code FROM organisations u
            JOIN organisations o ON o.book_id = :book AND u.code = ANY (o.line)
            WHERE u.book_id = :book AND u.parent IS NOT DISTINCT FROM :organisation),
        served AS (SELECT r.holder, sum(r.minutes)::bigint AS minutes {served} GROUP BY r.holder)
        SELECT grouping(b.part) AS whole, b.part, coalesce(sum(s.minutes), 0)::bigint AS minutes,
               count(v.holder) AS registered, count(s.holder) AS active
        FROM volunteers v{_OF_ORGANISATION if wanted.organisation is not None else ""}
        LEFT JOIN below b ON b.code = v.organisation
        LEFT JOIN served s ON s.holder = v.holder
        WHERE v.book_id = :book AND (v.registered_at AT TIME ZONE 'Asia/Shanghai')::date <= :to_day
          AND (v.left_on IS NULL OR v.left_on > :from_day)
        GROUP BY GROUPING SETS ((), (b.part))"""  # noqa: S608 - of texts of this file
    await connect.no_timeout(tx)
    parts = text("SELECT u.code FROM organisations u WHERE u.book_id = :book AND u.parent IS NOT DISTINCT FROM :above")
    found = {
        code: Figure(code, 0, 0, 0) for code in (await tx.scalars(parts, {"book": book, "above": wanted.organisation}))
    }
    whole = Figure(wanted.organisation, 0, 0, 0)
    for row in await tx.execute(text(statement), _parameters(book, wanted)):
        if row.whole:
            whole = Figure(wanted.organisation, row.minutes, row.registered, row.active)
        elif row.part is not None:
            found[row.part] = Figure(row.part, row.minutes, row.registered, row.active)
    ranked = sorted(found.values(), key=lambda each: (-average(each), str(each.organisation)))
    return (whole, *ranked[: MOST - 1])


def average(of: Figure) -> Fraction:
    """Minutes for each who was registered, by which organisations are compared; 0 where nobody was."""
    return Fraction(of.minutes, of.registered) if of.registered else Fraction(0)


def withheld(figures: Sequence[Figure]) -> set[str | None]:
    """The organisations of a board of averages whose figures nobody may see, since too few people served in them.

    Where a sum less those shown would tell what so few served, the smallest of those shown is withheld as well.
    """
    whole, *parts = figures
    parts.sort(key=lambda each: (each.active, str(each.organisation)))
    first = sum(each.active < LEAST_ACTIVE for each in parts)
    rest = whole.active - sum(each.active for each in parts[first:])
    if 0 < rest < LEAST_ACTIVE:
        first += 1
    hidden = {each.organisation for each in parts[:first]}
    return hidden | {whole.organisation} if whole.active < LEAST_ACTIVE else hidden


def _parameters(book: int, wanted: Wanted) -> dict[str, Any]:
    asked: dict[str, Any] = {"book": book, "from_day": wanted.from_day, "to_day": wanted.to_day}
    if wanted.category is not None:
        asked["category"] = wanted.category
    if wanted.organisation is not None or wanted.kind == "averages":
        asked["organisation"] = wanted.organisation
    return asked


# --- publishing ------------------------------------------------------------------------------------------------------


async def publish(
    tx: AsyncConnection,
    book: int,
    wanted: Wanted,
    people: Sequence[Candidate],
    figures: Sequence[Figure],
    *,
    by: str,
    now: datetime,
) -> tuple[Board, bool]:
    """Publishes a board with these people or figures, in the place of the one of its kind that is shown now.

    Whether it is new: the same once more on the same day is the one that is there. InvalidField, UnknownOrganisation.
    """
    await checked(tx, book, wanted, day_of(now))
    rows = [(each.holder, each.star, each.minutes) for each in people]
    assert len(rows) <= MOST, "whoever publishes has taken as many as there is room for"
    shown = tuple(figures)
    while True:
        before = await _live(tx, book, wanted)
        if before is not None:
            if (
                before.wanted == wanted
                and before.figures == shown
                and day_of(before.published_at) == day_of(now)
                and await _rows(tx, book, before.board_id) == rows
            ):
                return before, False
            await _end(tx, book, before.board_id, by, now)
        board = Board(next(identifiers.rising(now)), wanted, shown, by, now)
        if await _inserted(tx, book, board):
            break
        # Somebody else has published one at the same time: ours comes after it, or is the same.
    if rows:
        await tx.execute(
            insert(board_rows),
            [
                {
                    "book_id": book,
                    "board_id": board.board_id,
                    "place": place,
                    "holder": holder,
                    "star": star,
                    "minutes": minutes,
                }
                for place, (holder, star, minutes) in enumerate(rows, 1)
            ],
        )
    return board, True


async def withdraw(tx: AsyncConnection, book: int, board_id: UUID, *, by: str, now: datetime) -> Board:
    """Takes a board off the public pages. UnknownBoard, AlreadyDecided (it is off already)."""
    found = await _found(tx, _BOARD.where(boards.c.book_id == book, boards.c.board_id == board_id).with_for_update())
    if found is None:
        raise UnknownBoard(board_id)
    if found.withdrawn_at is not None:
        raise AlreadyDecided
    await _end(tx, book, board_id, by, now)
    return await find(tx, book, board_id)


async def _live(tx: AsyncConnection, book: int, wanted: Wanted) -> Board | None:
    """The board that is shown of this kind, organisation and category, locked."""
    return await _found(
        tx,
        _BOARD.where(
            boards.c.book_id == book,
            boards.c.kind == wanted.kind,
            boards.c.organisation.is_not_distinct_from(wanted.organisation),
            boards.c.category.is_not_distinct_from(wanted.category),
            boards.c.withdrawn_at.is_(None),
        ).with_for_update(),
    )


async def _end(tx: AsyncConnection, book: int, board_id: UUID, by: str, now: datetime) -> None:
    await tx.execute(
        update(boards)
        .where(boards.c.book_id == book, boards.c.board_id == board_id)
        .values(withdrawn_by=by, withdrawn_at=now)
    )


async def _inserted(tx: AsyncConnection, book: int, board: Board) -> bool:
    wanted = board.wanted
    added = await tx.execute(
        insert_or_not(boards)
        .values(
            book_id=book,
            board_id=board.board_id,
            kind=wanted.kind,
            organisation=wanted.organisation,
            category=wanted.category,
            from_day=wanted.from_day,
            to_day=wanted.to_day,
            least_star=wanted.least_star,
            figures=[[each.organisation, each.minutes, each.registered, each.active] for each in board.figures],
            published_by=board.published_by,
            published_at=board.published_at,
        )
        .on_conflict_do_nothing()
        .returning(boards.c.board_id)
    )
    return added.scalar_one_or_none() is not None


async def _rows(tx: AsyncConnection, book: int, board_id: UUID) -> list[tuple[str, int, int]]:
    found = await tx.execute(
        select(board_rows.c.holder, board_rows.c.star, board_rows.c.minutes)
        .where(board_rows.c.book_id == book, board_rows.c.board_id == board_id)
        .order_by(board_rows.c.place)
    )
    return [(row.holder, row.star, row.minutes) for row in found]


# --- reading ---------------------------------------------------------------------------------------------------------

_COLUMNS: Final = (
    boards.c.board_id,
    boards.c.kind,
    boards.c.from_day,
    boards.c.to_day,
    boards.c.organisation,
    boards.c.category,
    boards.c.least_star,
    boards.c.figures,
    boards.c.published_by,
    boards.c.published_at,
    boards.c.withdrawn_by,
    boards.c.withdrawn_at,
)
_BOARD: Final[Select[Any]] = select(*_COLUMNS)


async def find(tx: AsyncConnection, book: int, board_id: UUID) -> Board:
    """A board, whether it is shown or not. UnknownBoard."""
    found = await _found(tx, _BOARD.where(boards.c.book_id == book, boards.c.board_id == board_id))
    if found is None:
        raise UnknownBoard(board_id)
    return found


async def of_book(
    tx: AsyncConnection, book: int, *, live: bool = False, after: UUID | None = None, limit: int
) -> list[Board]:
    """The boards of a book after `after`, the newest first; `live`: those alone that are shown."""
    query = _BOARD.where(boards.c.book_id == book).order_by(boards.c.board_id.desc()).limit(limit)
    if live:
        query = query.where(boards.c.withdrawn_at.is_(None))
    if after is not None:
        query = query.where(boards.c.board_id < after)
    return [_board(row) for row in await tx.execute(query)]


async def with_her(tx: AsyncConnection, book: int, holder: str) -> list[tuple[Board, int]]:
    """The boards that are shown on which she stands, the newest first, and her place on each."""
    rows = await tx.execute(
        select(*_COLUMNS, board_rows.c.place)
        .join(board_rows, (board_rows.c.book_id == boards.c.book_id) & (board_rows.c.board_id == boards.c.board_id))
        .where(boards.c.book_id == book, boards.c.withdrawn_at.is_(None), board_rows.c.holder == holder)
        .order_by(boards.c.board_id.desc())
    )
    return [(_board(row), row.place) for row in rows]


_SHOWN: Final = text(f"""
    SELECT {", ".join(f"b.{column.name}" for column in _COLUMNS)}, b.book_id, k.name AS book, o.name AS called,
        clock_timestamp() AS at,
        (SELECT json_agg(json_build_array(r.place, v.volunteer_no, r.star, r.minutes) ORDER BY r.place)
         FROM board_rows r JOIN volunteers v ON v.book_id = b.book_id AND v.holder = r.holder
         WHERE r.book_id = b.book_id AND r.board_id = b.board_id AND r.place <= :upto) AS people
    FROM books k JOIN boards b ON b.book_id = k.book_id
    LEFT JOIN organisations o ON o.book_id = b.book_id AND o.code = b.organisation
    WHERE k.code = :code AND b.board_id = :board AND b.withdrawn_at IS NULL""")  # noqa: S608 - of texts of this file


async def shown(tx: AsyncConnection, code: str, board_id: UUID, *, upto: int) -> Shown:
    """A board that anybody may see, by the code of its book, with those who stand up to this place, in one statement.

    UnknownBoard, also for one that is not shown any more.
    """
    if not CODE.fullmatch(code):
        raise UnknownBoard(board_id)
    row = (await tx.execute(_SHOWN, {"code": code, "board": board_id, "upto": upto})).one_or_none()
    if row is None:
        raise UnknownBoard(board_id)
    people = tuple(Standing(*each) for each in row.people or ())
    return Shown(row.book_id, row.book, row.called, _board(row), people, connect.in_force(tx, row.at))


async def _found(tx: AsyncConnection, query: Select[Any]) -> Board | None:
    row = (await tx.execute(query)).one_or_none()
    return None if row is None else _board(row)


def _board(row: Row[Any]) -> Board:
    return Board(
        row.board_id,
        Wanted(row.kind, row.from_day, row.to_day, row.organisation, row.category, row.least_star),
        tuple(Figure(*each) for each in row.figures),
        row.published_by,
        row.published_at,
        row.withdrawn_by,
        row.withdrawn_at,
    )


# --- ranks -----------------------------------------------------------------------------------------------------------


def ranks(kind: Kind, people: Sequence[Standing]) -> list[int]:
    """The rank of each of them, in order of their places: who has as much as the one before has the same."""
    found: list[int] = []
    for index, each in enumerate(people):
        before = people[index - 1] if index else None
        same = before is not None and _value(kind, each) == _value(kind, before)
        found.append(found[-1] if same else index + 1)
    return found


def _value(kind: Kind, each: Standing) -> tuple[int, ...]:
    return (each.minutes,) if kind == "hours" else (each.star, each.minutes)


def ranks_of_figures(figures: Sequence[Figure]) -> list[int]:
    """The rank of each organisation by its average, in the order in which they stand."""
    values = [average(each) for each in figures]
    return [values.index(value) + 1 for value in values]

"""Outlets: where points become goods and services, and which of them are near."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final, Literal, NamedTuple, get_args

from sqlalchemy import any_, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books import chart
from ledger.books.chart import NewAccount
from ledger.earning import organisations
from ledger.earning.tables import organisations as tree
from ledger.errors import InvalidField, OutletClosed, OutletExists, Refusal, UnknownOrganisation, UnknownOutlet
from ledger.spending.tables import items, offers, outlets, prices
from ledger.text import one_line

Kind = Literal["virtue_supermarket", "care_station", "caring_merchant", "transport", "scenic_spot"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Status = Literal["open", "closed"]
STATUSES: Final[tuple[Status, ...]] = get_args(Status)

CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,31}")
"""Without dots: what follows the first dot of an account is its holder."""
NAME_LENGTH: Final = 100
LINE_LENGTH: Final = 200
PHONE_LENGTH: Final = 40
MILLIONTHS: Final = 1_000_000
MOST_POINTS: Final = 10**15
EARTH: Final = 6_371_008.8
"""Its mean radius in metres (IUGG)."""


@dataclass(frozen=True, slots=True)
class Details:
    """What can be changed of an outlet. `latitude` and `longitude`: millionths of a degree (WGS 84), both or neither.

    `organisation`: the one that looks after it. `day_limit`: points a day; None: as the policy says.
    """

    name: str
    kind: str
    organisation: str
    address: str = ""
    phone: str = ""
    hours: str = ""
    latitude: int | None = None
    longitude: int | None = None
    day_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Outlet:
    """An outlet. Its code is the holder of its accounts. `line`: its organisation's, to the top."""

    code: str
    details: Details
    status: Status
    line: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.details.name

    @property
    def organisation(self) -> str:
        return self.details.organisation

    @property
    def is_open(self) -> bool:
        return self.status == "open"


class Good(NamedTuple):
    """What is to be had somewhere, and for how many points; a perk costs none."""

    item: str
    name: str
    points: int


@dataclass(frozen=True, slots=True)
class Near:
    """An outlet, how many metres away it is (None: nobody knows), and what it has."""

    outlet: Outlet
    metres: int | None
    goods: tuple[Good, ...]


_OUTLET: Final = select(outlets, tree.c.line).join(
    tree, (tree.c.book_id == outlets.c.book_id) & (tree.c.code == outlets.c.organisation)
)


# --- adding and changing ----------------------------------------------------------------------------------------------


async def add(tx: AsyncConnection, book: int, code: str, details: Details) -> Outlet:
    """A new outlet with its accounts. InvalidField, UnknownOrganisation, OutletExists."""
    [outcome] = await add_many(tx, book, [(code, details)])
    if isinstance(outcome, Refusal):
        raise outcome
    added, new = outcome
    if not new:
        raise OutletExists(code)
    return added


async def add_many(
    tx: AsyncConnection, book: int, rows: Sequence[tuple[str, Details]]
) -> list[tuple[Outlet, bool] | Refusal]:
    """Adds outlets with their accounts; answers for each (it, whether it is new) or why not, in their order.

    One that is there with the same name, kind and organisation stays as it is; what else is known of it is not in
    lists. Refusals: InvalidField, UnknownOrganisation, OutletExists where the one that is there differs.
    """
    lines = await organisations.lines(tx, book, {details.organisation for _, details in rows})
    outcomes: list[tuple[Outlet, bool] | Refusal | None] = [
        _wrong(code, details) or (None if details.organisation in lines else UnknownOrganisation(details.organisation))
        for code, details in rows
    ]
    planned = {
        code: details for (code, details), wrong in reversed(list(zip(rows, outcomes, strict=True))) if not wrong
    }
    added = await _insert(tx, book, planned)
    there = await find_many(tx, book, planned)
    for index, (code, details) in enumerate(rows):
        if outcomes[index] is None:
            same = _listed(details) == _listed(there[code].details)
            outcomes[index] = (there[code], code in added) if same else OutletExists(code)
            added.discard(code)
    return [outcome for outcome in outcomes if outcome is not None]


async def change(tx: AsyncConnection, book: int, code: str, details: Details) -> Outlet:
    """Gives an outlet other details. UnknownOutlet, InvalidField, UnknownOrganisation."""
    if (wrong := _wrong(code, details)) is not None:
        raise wrong
    await find(tx, book, code)
    await organisations.find(tx, book, details.organisation)
    await tx.execute(
        update(outlets).where(outlets.c.book_id == book, outlets.c.outlet == code).values(**asdict(details))
    )
    return await find(tx, book, code)


async def set_status(tx: AsyncConnection, book: int, code: str, status: str) -> Outlet:
    """Closes an outlet, where nothing is redeemed then, or opens it again. UnknownOutlet, InvalidField."""
    if status not in STATUSES:
        raise InvalidField("status", "not_a_status")
    await tx.execute(update(outlets).where(outlets.c.book_id == book, outlets.c.outlet == code).values(status=status))
    return await find(tx, book, code)


def _listed(details: Details) -> tuple[str, str, str]:
    return details.name, details.kind, details.organisation


def _wrong(code: str, details: Details) -> InvalidField | None:
    """What cannot be stored, whatever is there."""
    if not CODE.fullmatch(code):
        return InvalidField("code", "not_an_outlet_code")
    if not one_line(details.name, least=1, most=NAME_LENGTH):
        return InvalidField("name", "not_a_name")
    if details.kind not in KINDS:
        return InvalidField("kind", "not_a_kind")
    for field, most in (("address", LINE_LENGTH), ("phone", PHONE_LENGTH), ("hours", LINE_LENGTH)):
        if not one_line(getattr(details, field), least=0, most=most):
            return InvalidField(field, "not_one_line")
    if (details.latitude is None) != (details.longitude is None):
        return InvalidField("latitude" if details.latitude is None else "longitude", "missing")
    for field, furthest in (("latitude", 90), ("longitude", 180)):
        if abs(getattr(details, field) or 0) > furthest * MILLIONTHS:
            return InvalidField(field, "out_of_range")
    if details.day_limit is not None and not 1 <= details.day_limit <= MOST_POINTS:
        return InvalidField("day_limit", "out_of_range")
    return None


async def _insert(tx: AsyncConnection, book: int, planned: dict[str, Details]) -> set[str]:
    """Adds these outlets and opens their accounts; the codes of those that were not there."""
    # In one order, so that two who add the same ones do not wait for each other.
    rows = [{"book_id": book, "outlet": code, **asdict(planned[code])} for code in sorted(planned)]
    if not rows:
        return set()
    inserted = await tx.execute(
        insert(outlets)
        .on_conflict_do_nothing(index_elements=[outlets.c.book_id, outlets.c.outlet])
        .returning(outlets.c.outlet),
        rows,
    )
    added = set(inserted.scalars())
    await chart.open_missing(
        tx, book, [account for code in sorted(added) for account in _accounts(code, planned[code])]
    )
    return added


def _accounts(code: str, details: Details) -> tuple[NewAccount, ...]:
    """What an outlet has in the books: its stock, what it is owed, what of that is disputed; and where losses go."""
    return (
        NewAccount(f"1200.{code}", f"{details.name} 库存", "asset", "PT"),
        NewAccount(f"2300.{code}", f"应付 {details.name}", "liability", "PT"),
        NewAccount(f"2310.{code}", f"有异议 {details.name}", "liability", "PT"),
        NewAccount("5300", "尾差与盘亏", "expense", "PT"),
    )


# --- reading ----------------------------------------------------------------------------------------------------------


async def find(tx: AsyncConnection, book: int, code: str) -> Outlet:
    """The outlet with this code, open or closed; UnknownOutlet."""
    if (found := (await find_many(tx, book, [code])).get(code)) is None:
        raise UnknownOutlet(code)
    return found


async def find_open(tx: AsyncConnection, book: int, code: str) -> Outlet:
    """The outlet with this code, if it is open; UnknownOutlet, OutletClosed."""
    found = await find(tx, book, code)
    if not found.is_open:
        raise OutletClosed(code)
    return found


async def find_many(tx: AsyncConnection, book: int, codes: Iterable[str]) -> dict[str, Outlet]:
    """The outlets with these codes; those that are not there are left out."""
    possible = literal([code for code in codes if CODE.fullmatch(code)], ARRAY(TEXT))
    rows = await tx.execute(_OUTLET.where(outlets.c.book_id == book, outlets.c.outlet == any_(possible)))
    return {row.outlet: _outlet(row) for row in rows}


async def outlets_of(
    tx: AsyncConnection,
    book: int,
    *,
    under: Collection[str] | None = None,
    search: str = "",
    kind: str | None = None,
    status: str | None = None,
    after: str = "",
    limit: int = 200,
) -> list[Outlet]:
    """The outlets of a book by code, after a code (or none).

    `under`: those of these organisations and of those below them; None: all. `search`: part of name, address or code.
    """
    wanted = _OUTLET.where(outlets.c.book_id == book, outlets.c.outlet > after).order_by(outlets.c.outlet).limit(limit)
    if under is not None:
        wanted = wanted.where(tree.c.line.overlap(literal(list(under), ARRAY(TEXT))))
    if search:
        part = search.casefold()
        texts = (outlets.c.name, outlets.c.address, outlets.c.outlet)
        wanted = wanted.where(or_(*(func.strpos(func.lower(text), part) > 0 for text in texts)))
    if kind is not None:
        wanted = wanted.where(outlets.c.kind == kind)
    if status is not None:
        wanted = wanted.where(outlets.c.status == status)
    return [_outlet(row) for row in await tx.execute(wanted)]


async def near(
    tx: AsyncConnection,
    book: int,
    day: date,
    *,
    latitude: float | None = None,
    longitude: float | None = None,
    line: Sequence[str] = (),
    limit: int = 20,
) -> list[Near]:
    """The open outlets nearest to a place (in degrees), with what each has on this day.

    Without a place those nearest in the tree: the outlets of the first organisation of `line` and of those below it,
    then of the next one above, and so on. An outlet of which nobody knows where it is comes after those of which
    somebody does.
    """
    rows = await tx.execute(_OUTLET.where(outlets.c.book_id == book, outlets.c.status == "open"))
    found: list[tuple[Outlet, int | None]] = []
    for each in map(_outlet, rows):
        at = each.details
        if latitude is None or longitude is None or at.latitude is None or at.longitude is None:
            found.append((each, None))
        else:
            there = (at.latitude / MILLIONTHS, at.longitude / MILLIONTHS)
            found.append((each, metres((latitude, longitude), there)))

    def order(pair: tuple[Outlet, int | None]) -> tuple[float, int, str]:
        each, away = pair
        above = next((place for place, code in enumerate(line) if code in each.line), len(line))
        return math.inf if away is None else away, above, each.code

    nearest = sorted(found, key=order)[:limit]
    has = await _goods(tx, book, [each.code for each, _ in nearest], day)
    return [Near(each, away, tuple(has.get(each.code, ()))) for each, away in nearest]


def metres(here: tuple[float, float], there: tuple[float, float]) -> int:
    """How far two places (latitude and longitude in degrees) are apart as the crow flies, by the haversine formula."""
    (south, west), (north, east) = (tuple(map(math.radians, place)) for place in (here, there))
    half = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return round(2 * EARTH * math.asin(min(1.0, math.sqrt(half))))


async def _goods(tx: AsyncConnection, book: int, codes: list[str], day: date) -> dict[str, list[Good]]:
    """What these outlets offer on a day and have not run out of, by outlet."""
    newest = (
        select(prices.c.points)
        .where(prices.c.book_id == book, prices.c.item == items.c.item, prices.c.effective_from <= day)
        .order_by(prices.c.effective_from.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = await tx.execute(
        select(offers.c.outlet, items.c.item, items.c.name, newest.label("points"))
        .join(items, (items.c.book_id == book) & (items.c.item == offers.c.item))
        .where(
            offers.c.book_id == book,
            offers.c.outlet == any_(literal(codes, ARRAY(TEXT))),
            offers.c.offered,
            or_(offers.c.pieces.is_(None), offers.c.pieces > 0),
            items.c.on_from <= day,
            or_(items.c.on_until.is_(None), items.c.on_until >= day),
        )
        .order_by(offers.c.outlet, items.c.item)
    )
    has: dict[str, list[Good]] = {}
    for row in rows:
        if row.points is not None:
            has.setdefault(row.outlet, []).append(Good(row.item, row.name, row.points))
    return has


def _outlet(row: Any) -> Outlet:
    details = Details(
        row.name,
        row.kind,
        row.organisation,
        row.address,
        row.phone,
        row.hours,
        row.latitude,
        row.longitude,
        row.day_limit,
    )
    return Outlet(row.outlet, details, row.status, tuple(row.line))

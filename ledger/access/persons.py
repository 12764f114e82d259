"""Personal data of volunteers: recorded, looked up, shown in part, revealed, erased. Nothing of it is stored in plain.

Who sees anything in full, and who sees anything of a minor, stands in the access log. That line is written in the
transaction in which the data are read, so answer when it has been committed, and not before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Row,
    Update,
    any_,
    bindparam,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.access import ciphers, consents, identities, log
from ledger.access.ciphers import Keys
from ledger.access.identities import FIELDS, Field, Identity, Masked
from ledger.access.log import Subject
from ledger.access.tables import cards, guardians, persons
from ledger.access.tables import consents as consents_table
from ledger.database import connect
from ledger.database.rows import rows_within
from ledger.days import day_of
from ledger.errors import IdentityTaken, InvalidField, UnknownPerson, UnknownVolunteer


@dataclass(frozen=True, slots=True)
class Revealed:
    """The fields that were asked for, in full; the others, and what has not been recorded, are None."""

    name: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    id_number: str | None = field(default=None, repr=False)
    born: date | None = field(default=None, repr=False)


async def record(
    tx: AsyncConnection,
    keys: Keys,
    book: int,
    volunteer_no: str,
    holder: str,
    identity: Identity,
    actor: str,
    at: datetime,
) -> None:
    """Records who a volunteer is, or changes it: all fields at once, what is None is not recorded any more.

    `holder`: the number under which the books know her. InvalidField, IdentityTaken, UnknownVolunteer.
    """
    identity = identities.checked(identity, day_of(at))
    number = identity.id_number
    # Also where it was written under an index key of before, which the unique key does not see.
    if number is not None and set(await find_by_id_number(tx, keys, book, number)) - {volunteer_no}:
        raise IdentityTaken(volunteer_no)
    try:
        await _store(tx, keys, book, volunteer_no, holder, identity, at)
    except IntegrityError as error:
        match connect.violation(error):
            case "23505", "persons_book_id_id_number_index_key":
                raise IdentityTaken(volunteer_no) from None
            case "23503", "persons_book_id_volunteer_no_fkey":
                raise UnknownVolunteer(volunteer_no) from None
        raise
    minor = None if identity.born is None else identities.is_minor(identity.born, day_of(at))
    given = [name for name in FIELDS if getattr(identity, name) is not None]
    await log.add(tx, book, "record", [Subject(holder, minor)], given, actor, at)


async def _store(
    tx: AsyncConnection, keys: Keys, book: int, volunteer_no: str, holder: str, identity: Identity, at: datetime
) -> None:
    while True:
        there = (
            await tx.execute(select(persons.c.data_key).where(_is(book, volunteer_no)).with_for_update())
        ).scalar_one_or_none()
        if there is not None:
            data_key = ciphers.unseal_data_key(keys, there, book, volunteer_no)
            sealed = _sealed(keys, data_key, book, volunteer_no, identity)
            await tx.execute(update(persons).where(_is(book, volunteer_no)).values(**sealed, changed_at=at))
            return
        data_key = ciphers.new_key()
        added = await tx.execute(
            insert(persons)
            .values(
                book_id=book,
                volunteer_no=volunteer_no,
                holder=holder,
                data_key=ciphers.seal_data_key(keys, data_key, book, volunteer_no),
                **_sealed(keys, data_key, book, volunteer_no, identity),
                created_at=at,
                changed_at=at,
            )
            .on_conflict_do_nothing(index_elements=[persons.c.book_id, persons.c.volunteer_no])
            .returning(persons.c.volunteer_no)
        )
        if added.scalar_one_or_none() is not None:
            return
        # Somebody else has recorded her at the same time: ours is the later one.


def _sealed(keys: Keys, data_key: bytes, book: int, volunteer_no: str, identity: Identity) -> dict[str, bytes | None]:
    """The columns of an identity."""

    def seal(name: Field, value: str | None) -> bytes | None:
        return None if value is None else ciphers.seal(data_key, value.encode(), *_place(name, book, volunteer_no))

    phone_index, id_number_index = _indexes(keys, identity)
    return {
        "name": seal("name", identity.name),
        "phone": seal("phone", identity.phone),
        "id_number": seal("id_number", identity.id_number),
        "born": seal("born", None if identity.born is None else identity.born.isoformat()),
        "phone_index": phone_index,
        "id_number_index": id_number_index,
    }


def _indexes(keys: Keys, identity: Identity) -> tuple[bytes | None, bytes | None]:
    """The blind indexes of phone and identity number."""
    phone, number = identity.phone, identity.id_number
    return (
        None if phone is None else ciphers.digest(keys, "phone", phone),
        None if number is None else ciphers.digest(keys, "id_number", number),
    )


async def find_by_phone(tx: AsyncConnection, keys: Keys, book: int, phone: str) -> list[str]:
    """The volunteer numbers of the book with this phone: a family may share one. InvalidField."""
    wanted = ciphers.digests(keys, "phone", identities.phone_number(phone))
    return await _numbers(tx, book, persons.c.phone_index.in_(wanted))


async def find_by_id_number(tx: AsyncConnection, keys: Keys, book: int, id_number: str) -> list[str]:
    """The volunteer number of the book with this identity number, or none. InvalidField."""
    wanted = ciphers.digests(keys, "id_number", identities.id_number(id_number))
    return await _numbers(tx, book, persons.c.id_number_index.in_(wanted))


async def _numbers(tx: AsyncConnection, book: int, condition: ColumnElement[bool]) -> list[str]:
    found = await tx.execute(
        select(persons.c.volunteer_no).where(persons.c.book_id == book, condition).order_by(persons.c.volunteer_no)
    )
    return list(found.scalars())


async def masked(
    tx: AsyncConnection, keys: Keys, book: int, volunteer_nos: Sequence[str], actor: str, at: datetime
) -> dict[str, Masked]:
    """As much of each person as a page shows, by volunteer number; who is not recorded is not in it. CannotDecrypt.

    That minors were shown is logged (未成年人网络保护条例 36), so this needs a transaction that is committed.
    """
    rows = await tx.execute(select(persons).where(persons.c.book_id == book, persons.c.volunteer_no.in_(volunteer_nos)))
    today = day_of(at)
    shown, minors = {}, []
    for row in rows:
        shown[row.volunteer_no] = identities.masked(_opened(_data_key(keys, row), row), today)
        if shown[row.volunteer_no].minor:
            minors.append(Subject(row.holder, True))
    await log.add(tx, book, "masked", minors, ["name"], actor, at)
    return {number: shown[number] for number in volunteer_nos if number in shown}


async def names_of_grown(
    tx: AsyncConnection, keys: Keys, book: int, volunteer_nos: Sequence[str], at: datetime
) -> dict[str, str]:
    """The masked names of those of whom it is known that they are grown up. CannotDecrypt.

    For what is shown again and again, to everybody: nothing of minors is in it, so nothing is logged.
    """
    rows = await tx.execute(select(persons).where(persons.c.book_id == book, persons.c.volunteer_no.in_(volunteer_nos)))
    shown = {row.volunteer_no: identities.masked(_opened(_data_key(keys, row), row), day_of(at)) for row in rows}
    return {number: each.name for number, each in shown.items() if each.minor is False}


@dataclass(frozen=True, slots=True)
class OnBoards:
    """How people stand on public boards. Who is not recorded is in neither.

    `names`, by volunteer number: in full of the grown-ups in `agreed`, else the first character alone. `minors`: who
    stands on no board at all; a name of theirs is in no answer.
    """

    names: dict[str, str] = field(repr=False)
    agreed: frozenset[str]
    minors: frozenset[str]


async def standing_on_boards(
    tx: AsyncConnection, keys: Keys, book: int, volunteer_nos: Sequence[str], at: datetime, *, unnamed: int = 0
) -> OnBoards:
    """How these people stand on boards at this moment, in one statement: in full of grown-ups, known as such, who have
    agreed to it (PIPL 25) since they are; what was agreed to for a minor names nobody. CannotDecrypt.

    The names of the first `unnamed` of them are not asked for. Nothing of a minor leaves this but that it is one, so
    there is nothing to log; and nothing of it is to be kept, since who agreed can withdraw it at any moment.
    """
    rows = await tx.execute(_ON_BOARDS, {"book": book, "numbers": list(volunteer_nos), "purpose": _PUBLIC_NAME})
    wanted = frozenset(volunteer_nos[unnamed:])
    today = day_of(at)
    names, agreed, minors = {}, set(), set()
    for row in rows:
        data_key = _data_key(keys, row)
        told = _unsealed(data_key, row, "born")
        born = None if told is None else date.fromisoformat(told)
        if born is not None and identities.is_minor(born, today):
            minors.add(row.volunteer_no)
        elif row.volunteer_no in wanted:
            name = _unsealed(data_key, row, "name")
            assert name is not None, "the column is never NULL"
            in_full = (
                born is not None and row.agreed_at is not None and not identities.is_minor(born, day_of(row.agreed_at))
            )
            names[row.volunteer_no] = name if in_full else identities.masked_name(name)
            if in_full:
                agreed.add(row.volunteer_no)
    return OnBoards(names, frozenset(agreed), frozenset(minors))


_PUBLIC_NAME: Final[consents.Purpose] = "public_name"
_ON_BOARDS = select(
    persons.c.book_id,
    persons.c.volunteer_no,
    persons.c.data_key,
    persons.c.name,
    persons.c.born,
    select(func.max(consents_table.c.given_at))
    .where(
        consents_table.c.book_id == persons.c.book_id,
        consents_table.c.holder == persons.c.holder,
        consents_table.c.purpose == bindparam("purpose"),
        consents_table.c.withdrawn_at.is_(None),
    )
    .scalar_subquery()
    .label("agreed_at"),
).where(persons.c.book_id == bindparam("book"), persons.c.volunteer_no == any_(bindparam("numbers", type_=ARRAY(TEXT))))


async def on_boards(
    tx: AsyncConnection, keys: Keys, book: int, volunteer_nos: Sequence[str], at: datetime
) -> dict[str, str]:
    """The names as a public list shows them, by volunteer number: in full of grown-ups who have agreed to it, else the
    first character alone. Minors are not in it, nor who is not recorded. CannotDecrypt.
    """
    return (await standing_on_boards(tx, keys, book, volunteer_nos, at)).names


async def reveal(
    tx: AsyncConnection,
    keys: Keys,
    book: int,
    volunteer_no: str,
    fields: Collection[Field],
    actor: str,
    reason: str,
    at: datetime,
) -> Revealed:
    """The fields in full, and a line in the access log that says who wanted to see them and why.

    InvalidField, UnknownPerson, CannotDecrypt.
    """
    wanted = [name for name in FIELDS if name in fields]
    if not wanted or set(fields) - set(wanted):
        raise InvalidField("fields", "not_fields" if fields else "missing")
    reason = log.checked_reason(reason)
    # An erasure waits until this has been told, and whoever comes after it is told nothing.
    row = (
        await tx.execute(select(persons).where(_is(book, volunteer_no)).with_for_update(read=True, key_share=True))
    ).one_or_none()
    if row is None:
        raise UnknownPerson(volunteer_no)
    data_key = _data_key(keys, row)
    identity = _opened(data_key, row)
    minor = None if identity.born is None else identities.is_minor(identity.born, day_of(at))
    await log.add(tx, book, "reveal", [Subject(row.holder, minor, data_key)], wanted, actor, at, reason)
    return Revealed(**{name: getattr(identity, name) for name in wanted})


async def subject(tx: AsyncConnection, keys: Keys, book: int, volunteer_no: str, at: datetime) -> Subject:
    """Her holder, her data key and whether she is a minor; nobody erases or changes her until the transaction ends.

    For what is sealed with her key elsewhere. UnknownPerson, CannotDecrypt.
    """
    row = (
        await tx.execute(select(persons).where(_is(book, volunteer_no)).with_for_update(key_share=True))
    ).one_or_none()
    if row is None:
        raise UnknownPerson(volunteer_no)
    data_key = _data_key(keys, row)
    born = _opened(data_key, row).born
    return Subject(row.holder, None if born is None else identities.is_minor(born, day_of(at)), data_key)


async def born(tx: AsyncConnection, keys: Keys, book: int, volunteer_no: str) -> date | None:
    """Her day of birth, for a decision that shows it to nobody; None where it is not recorded. CannotDecrypt."""
    row = (await tx.execute(select(persons).where(_is(book, volunteer_no)))).one_or_none()
    return None if row is None else _opened(_data_key(keys, row), row).born


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody of whom nothing is recorded yet."""

    volunteer_no: str
    holder: str
    identity: Identity


async def record_many(
    tx: AsyncConnection, keys: Keys, book: int, newcomers: Sequence[Newcomer], actor: str, at: datetime
) -> None:
    """Records who these volunteers are. Their identities have been `checked`, and their numbers are nobody's (`taken`).

    IdentityTaken where somebody else has recorded one of the numbers in the meantime; then nothing is recorded.
    """
    rows: list[dict[str, object]] = []
    logged: dict[tuple[Field, ...], list[Subject]] = {}
    for each in newcomers:
        data_key = ciphers.new_key()
        rows.append(
            {
                "book_id": book,
                "volunteer_no": each.volunteer_no,
                "holder": each.holder,
                "data_key": ciphers.seal_data_key(keys, data_key, book, each.volunteer_no),
                **_sealed(keys, data_key, book, each.volunteer_no, each.identity),
                "created_at": at,
                "changed_at": at,
            }
        )
        fields = tuple(name for name in FIELDS if getattr(each.identity, name) is not None)
        minor = None if each.identity.born is None else identities.is_minor(each.identity.born, day_of(at))
        logged.setdefault(fields, []).append(Subject(each.holder, minor))
    if not rows:
        return
    added = await tx.execute(insert(persons).on_conflict_do_nothing().returning(persons.c.volunteer_no), rows)
    if missed := {each.volunteer_no for each in newcomers} - set(added.scalars()):
        raise IdentityTaken(min(missed))
    for fields, subjects in logged.items():
        await log.add(tx, book, "record", subjects, fields, actor, at)


async def taken(tx: AsyncConnection, keys: Keys, book: int, id_numbers: Collection[str]) -> frozenset[str]:
    """Which of these identity numbers (as `identities.id_number` writes them) are somebody's already."""
    digests = {digest: number for number in id_numbers for digest in ciphers.digests(keys, "id_number", number)}
    found = await tx.execute(
        select(persons.c.id_number_index).where(
            persons.c.book_id == book,
            persons.c.id_number_index == any_(literal(list(digests), ARRAY(LargeBinary))),
        )
    )
    return frozenset(digests[index] for index in found.scalars() if index is not None)


async def erase(tx: AsyncConnection, book: int, volunteer_no: str, holder: str, actor: str, at: datetime) -> None:
    """Destroys what is known of a volunteer (PIPL 47): her identity, her key, her cards, her guardian.

    Also where nothing is known. The same transaction must then forget her number (`earning.volunteers.forget`) and end
    her users. What is kept is nobody's: the books (the duty to keep them is one of law), her consents as evidence of
    what was allowed then, and the access log, whose reasons can no longer be read. Backups keep the key until they are
    themselves destroyed.
    """
    await tx.execute(delete(persons).where(_is(book, volunteer_no)))
    for table in (cards, guardians):
        await tx.execute(delete(table).where(table.c.book_id == book, table.c.volunteer_no == volunteer_no))
    await log.add(tx, book, "erase", [Subject(holder, None)], FIELDS, actor, at)


@dataclass(frozen=True, slots=True)
class Batch:
    """Of a batch of rekeying: the last volunteer number, how many there were, how many were changed.

    `taken`: whose identity number another volunteer has too, which was not seen while each stood under another key.
    """

    last: str
    seen: int
    changed: int
    taken: tuple[str, ...]


async def rekey(tx: AsyncConnection, keys: Keys, book: int, after: str, most: int) -> Batch | None:
    """Puts the next persons after number `after` under the first keys; None when there are none. CannotDecrypt.

    The rows stay locked until the transaction ends, so nobody's change is overwritten.
    """
    rows = (
        await tx.execute(
            select(persons)
            .where(persons.c.book_id == book, persons.c.volunteer_no > after)
            .order_by(persons.c.volunteer_no)
            .limit(most)
            .with_for_update()
        )
    ).all()
    if not rows:
        return None
    changes = [change for row in rows if (change := _rekeyed(keys, row)) is not None]
    taken = []
    if changes:
        try:
            async with tx.begin_nested():
                await tx.execute(_rekeying(book, changes))
        except IntegrityError:  # one of them has another's identity number: find out which
            for change in changes:
                try:
                    async with tx.begin_nested():
                        await tx.execute(_rekeying(book, [change]))
                except IntegrityError as error:
                    if connect.violation(error)[0] != "23505":
                        raise
                    taken.append(change.volunteer_no)
    return Batch(rows[-1].volunteer_no, len(rows), len(changes) - len(taken), tuple(taken))


class _Change(NamedTuple):
    """The columns of a person that depend on the service's keys."""

    volunteer_no: str
    data_key: bytes
    phone_index: bytes | None
    id_number_index: bytes | None


def _rekeyed(keys: Keys, row: Row[Any]) -> _Change | None:
    """This person under the first keys; None if she is."""
    before = _Change(row.volunteer_no, row.data_key, row.phone_index, row.id_number_index)
    data_key = _data_key(keys, row)
    identity = _opened(data_key, row)
    phone_index, id_number_index = _indexes(keys, identity)
    after = before._replace(phone_index=phone_index, id_number_index=id_number_index)
    if not ciphers.is_sealed_with(keys.identity[0], row.data_key):
        after = after._replace(data_key=ciphers.seal_data_key(keys, data_key, row.book_id, row.volunteer_no))
    return None if after == before else after


def _rekeying(book: int, changes: Sequence[_Change]) -> Update:
    """One statement for all of them."""
    columns = [persons.c[name] for name in _Change._fields]
    new = rows_within(columns, changes)
    return (
        update(persons)
        .where(persons.c.book_id == book, persons.c.volunteer_no == new.c.volunteer_no)
        .values({each: new.c[each.name] for each in columns[1:]})
    )


def _is(book: int, volunteer_no: str) -> ColumnElement[bool]:
    return (persons.c.book_id == book) & (persons.c.volunteer_no == volunteer_no)


def _data_key(keys: Keys, row: Any) -> bytes:
    return ciphers.unseal_data_key(keys, row.data_key, row.book_id, row.volunteer_no)


def _opened(data_key: bytes, row: Row[Any]) -> Identity:
    """The identity that a row of `persons` holds. CannotDecrypt."""

    name, phone, id_number, born = (_unsealed(data_key, row, each) for each in FIELDS)
    assert name is not None, "the column is never NULL"
    return Identity(name, phone, id_number, None if born is None else date.fromisoformat(born))


def _unsealed(data_key: bytes, row: Any, name: Field) -> str | None:
    sealed = getattr(row, name)
    place = _place(name, row.book_id, row.volunteer_no)
    return None if sealed is None else ciphers.unseal([data_key], sealed, *place).decode()


def _place(name: Field, book: int, volunteer_no: str) -> tuple[object, ...]:
    return "persons", name, book, volunteer_no

"""The chart of accounts: what kinds of account a programme's books have, and how an account is opened.

An account is *of the chart* when its code before the first dot, its class and its unit all equal a row of it; then that
row's kind and floor hold, and what follows the dot is its holder. Every other account is plain: an imported SEK 2110 is
no wallet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from sqlalchemy import any_, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.books.tables import accounts, units
from ledger.database import distribution
from ledger.errors import (
    AccountExists,
    AccountNotEmpty,
    InvalidField,
    NotTheChart,
    Refusal,
    UnknownAccount,
    UnknownUnit,
)
from ledger.text import one_line

AccountClass = Literal["asset", "liability", "equity", "income", "expense", "memo_debit", "memo_credit"]
Status = Literal["open", "frozen", "closed"]
HolderKind = Literal["volunteer", "outlet", "organisation", "household", "book", "unit"]

DEBIT_NORMAL: Final = frozenset({"asset", "expense", "memo_debit"})
"""Classes whose balance is debits − credits; that of the others is credits − debits."""

CODE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
NAME_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the chart. `unit` None: one account per unit. `floor` None: no floor."""

    code: str
    kind: str
    account_class: AccountClass
    unit: str | None
    floor: int | None = None
    holder: HolderKind | None = None


CHART: Final = (
    Row("1100", "backing_fund", "asset", "PT"),
    Row("1110", "fund_custody", "asset", "CNY"),
    Row("1200", "goods_stock", "asset", "PT", 0, "outlet"),
    Row("1300", "clawback_receivable", "asset", "PT", 0, "volunteer"),
    Row("1400", "due_from_book", "asset", "PT", None, "book"),
    Row("1900", "suspense", "asset", None, None, "unit"),
    Row("2100", "wallet", "liability", "PT", 0, "volunteer"),
    Row("2110", "wallet_in_notice", "liability", "PT", 0, "volunteer"),
    Row("2120", "wallet_held", "liability", "PT", 0, "volunteer"),
    Row("2130", "household_wallet", "liability", "PT", 0, "household"),
    Row("2140", "team_wallet", "liability", "PT", 0, "organisation"),
    Row("2160", "estate_wallet", "liability", "PT", 0, "volunteer"),
    Row("2200", "donation_pool", "liability", "PT", 0),
    Row("2300", "merchant_payable", "liability", "PT", None, "outlet"),
    Row("2310", "merchant_disputed", "liability", "PT", 0, "outlet"),
    Row("2400", "due_to_book", "liability", "PT", None, "book"),
    Row("2500", "service_vouchers", "liability", "PT", 0),
    Row("2600", "time_coin_wallet", "liability", "TC", 0, "volunteer"),
    Row("2610", "time_coin_pool", "liability", "TC", 0),
    Row("2620", "time_coin_estate", "liability", "TC", 0, "volunteer"),
    Row("3100", "issuing_budget", "equity", "PT"),
    Row("3110", "fund_capital", "equity", "CNY"),
    Row("3200", "in_kind_donations", "equity", "PT"),
    Row("4100", "breakage", "income", "PT"),
    Row("4200", "forfeiture", "income", "PT"),
    Row("5100", "reward_hours", "expense", "PT", None, "organisation"),
    Row("5110", "reward_bonus", "expense", "PT", None, "organisation"),
    Row("5120", "reward_items", "expense", "PT", None, "organisation"),
    Row("5130", "reward_training", "expense", "PT", None, "organisation"),
    Row("5300", "stock_loss", "expense", "PT"),
    Row("5500", "welfare_grant", "expense", "TC"),
    Row("5600", "time_coin_issued", "expense", "TC"),
    Row("9110", "hours_served", "memo_debit", "HR", None, "organisation"),
    Row("9200", "credit_hours", "memo_credit", "HR", 0, "volunteer"),
    Row("9210", "honour_hours", "memo_credit", "HR", 0, "volunteer"),
)

_BY_CODE: Final = {row.code: row for row in CHART}

KEEPS_EXPIRY: Final = frozenset({"wallet", "wallet_held", "estate_wallet"})
"""Kinds among which points keep the day on which they lapse."""

KEEPS_LOTS: Final = KEEPS_EXPIRY | {"wallet_in_notice", "household_wallet", "team_wallet", "donation_pool"}
"""Kinds whose balance is made of lots: 21xx and 2200."""


def of_the_chart(code: str, account_class: str, unit: str) -> Row | None:
    """The row of the chart that an account with this code, class and unit belongs to, if it does."""
    row = _BY_CODE.get(code.partition(".")[0])
    if row is None or row.account_class != account_class or row.unit not in (None, unit):
        return None
    return row


def kind_by_code(code: str) -> str | None:
    """The kind that an account with this code would be of, if it were opened as the chart has it."""
    row = _BY_CODE.get(code.partition(".")[0])
    return None if row is None else row.kind


def companion_of(code: str) -> str | None:
    """The code of the account in which part of a wallet is held: 2120.x for 2100.x; None for other codes."""
    return f"2120{code[4:]}" if code.partition(".")[0] == "2100" else None


def locked_with(code: str) -> str | None:
    """The code that is always locked together with this one: a wallet's companion and the other way round."""
    base = code[:4]
    if base == "2120" and code[4:5] in ("", "."):
        return f"2100{code[4:]}"
    return companion_of(code) if base == "2100" else None


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be opened. `floor` in the unit's smallest unit; None: the chart's floor, or none."""

    code: str
    name: str
    account_class: str
    unit: str
    floor: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What an account is. Its balance is another matter (`balances`)."""

    code: str
    name: str
    account_class: str
    unit: str
    floor: int | None
    kind: str | None
    holder: str | None
    status: str


_ACCOUNT = (
    accounts.c.code,
    accounts.c.name,
    accounts.c.account_class,
    accounts.c.unit,
    accounts.c.floor,
    accounts.c.kind,
    accounts.c.holder,
    accounts.c.status,
)


async def account(tx: AsyncConnection, book: int, code: str) -> Account:
    """The account with this code; UnknownAccount."""
    found = await _accounts(tx, book, [code])
    if not found:
        raise UnknownAccount(code)
    return found[code]


async def find_accounts(tx: AsyncConnection, book: int, codes: Iterable[str]) -> dict[str, Account]:
    """The accounts with these codes; those that are not there are left out."""
    return await _accounts(tx, book, codes)


async def open_accounts(
    tx: AsyncConnection, book: int, wanted: Sequence[NewAccount]
) -> list[tuple[Account, bool] | Refusal]:
    """Opens accounts, empty and open; answers for each (the account, whether it is new) or why not, in their order.

    One that is there with the same data stays as it is. Refusals: InvalidField, UnknownUnit, NotTheChart, and
    AccountExists where the one that is there differs.
    """
    known_units = set((await tx.execute(select(units.c.code))).scalars())
    planned = [_plan(account, known_units) for account in wanted]
    by_code: dict[str, Account] = {}
    for account in planned:
        if isinstance(account, Account):
            by_code.setdefault(account.code, account)
    opened = await _open(tx, book, by_code.values())
    there = await _accounts(tx, book, by_code)
    outcomes: list[tuple[Account, bool] | Refusal] = []
    for account in planned:
        if isinstance(account, Refusal):
            outcomes.append(account)
        elif (differs := _first_difference(there[account.code], account)) is not None:
            outcomes.append(AccountExists(account.code, differs))
        else:
            outcomes.append((there[account.code], account.code in opened))
            opened.discard(account.code)
    return outcomes


async def open_missing(tx: AsyncConnection, book: int, wanted: Iterable[NewAccount]) -> None:
    """Opens those of these accounts that are not there, for a room that posts to them; names may differ.

    AccountExists where one that is there is of another class or unit; and what `open_accounts` refuses.
    """
    by_code = {account.code: account for account in wanted}
    there = await _accounts(tx, book, by_code)
    for code, account in there.items():
        for field, name in (("account_class", "class"), ("unit", "unit")):
            if getattr(account, field) != getattr(by_code[code], field):
                raise AccountExists(code, name)
    missing = [account for code, account in sorted(by_code.items()) if code not in there]
    for outcome in await open_accounts(tx, book, missing) if missing else ():
        if isinstance(outcome, Refusal):
            raise outcome


async def set_status(tx: AsyncConnection, book: int, code: str, status: Status) -> None:
    """Opens, freezes or closes an account; a closed one must be empty, and nothing of it held.

    Raises UnknownAccount, AccountNotEmpty.
    """
    if not CODE.fullmatch(code):
        raise UnknownAccount(code)
    held = companion_of(code)
    loaded = (
        await tx.execute(
            text(
                """SELECT a_code, a_class, a_debits, a_credits
                   FROM public.journal_load(:book, :codes, '{}', '{}', '{}', '{}')"""
            ),
            {"book": book, "codes": [code] if held is None else [code, held]},
        )
    ).one()
    found = {
        each: (account_class, debits, credits)
        for each, account_class, debits, credits in zip(*(column or () for column in loaded), strict=True)
    }
    if code not in found:
        raise UnknownAccount(code)
    if status == "closed":
        for each, totals in found.items():
            if (balance := balance_of(*totals)) != 0:
                raise AccountNotEmpty(each, balance)
    write = text("SELECT public.account_set_status(:book, :code, :status)").bindparams(distribution.routed(book))
    await tx.execute(write, {"code": code, "status": status})


def balance_of(account_class: str, debits: int, credits: int) -> int:
    """The balance on the normal side of an account of this class."""
    return debits - credits if account_class in DEBIT_NORMAL else credits - debits


def _plan(wanted: NewAccount, known_units: set[str]) -> Account | Refusal:
    if not CODE.fullmatch(wanted.code):
        return InvalidField("code", "not_an_account_code")
    if not one_line(wanted.name, least=1, most=NAME_LENGTH):
        return InvalidField("name", "not_a_name")
    if wanted.account_class not in get_args(AccountClass):
        return InvalidField("class", "not_a_class")
    if wanted.floor is not None and abs(wanted.floor) > 10**15:
        return InvalidField("floor", "out_of_range")
    if wanted.unit not in known_units:
        return UnknownUnit(wanted.unit)
    row = of_the_chart(wanted.code, wanted.account_class, wanted.unit)
    if row is None:
        kind, holder, floor = None, None, wanted.floor
        if floor is not None and floor > 0:  # an account begins at zero
            return InvalidField("floor", "above_zero")
    else:
        kind, holder, floor = row.kind, wanted.code.partition(".")[2] or None, row.floor
        if wanted.floor not in (None, floor):
            return NotTheChart(wanted.code, wanted.floor, floor)
    return Account(wanted.code, wanted.name, wanted.account_class, wanted.unit, floor, kind, holder, "open")


def _first_difference(there: Account, wanted: Account) -> str | None:
    for field, name in (("name", "name"), ("account_class", "class"), ("unit", "unit"), ("floor", "floor")):
        if getattr(there, field) != getattr(wanted, field):
            return name
    return None


async def _accounts(tx: AsyncConnection, book: int, codes: Iterable[str]) -> dict[str, Account]:
    possible = [code for code in codes if CODE.fullmatch(code)]
    named = accounts.c.code == any_(literal(possible, ARRAY(TEXT)))  # one parameter, however many accounts
    rows = await tx.execute(select(*_ACCOUNT).where(accounts.c.book_id == book, named))
    return {row.code: Account(*row) for row in rows}


async def _open(tx: AsyncConnection, book: int, planned: Iterable[Account]) -> set[str]:
    new = list(planned)
    if not new:
        return set()
    columns = ("code", "name", "account_class", "unit", "floor", "kind", "holder")
    arrays = [
        literal([getattr(account, column) for account in new], ARRAY(BIGINT if column == "floor" else TEXT))
        for column in columns
    ]
    opened = await tx.execute(select(func.accounts_open(distribution.routed(book), *arrays)))
    return set(opened.scalars())

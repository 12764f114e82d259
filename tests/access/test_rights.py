"""Rights: what each role and each scope may do, and how far it reaches."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.access import rights
from ledger.access.rights import OF_ROLE, OF_SCOPE, ROLES, SCOPES, Grant, Principal, Right, Role
from ledger.errors import NotAllowed

TODAY = date(2026, 11, 22)

OF_STAFF: list[Role] = sorted(rights.STAFF)


def a_user(*grants: Grant, must_change: bool = False) -> Principal:
    return Principal("user", 1, "gulou", 1, grants=grants, must_change=must_change)


def may(me: Principal, right: Right, *line: str, today: date = TODAY) -> bool:
    try:
        rights.require(me, right, today, line)
    except NotAllowed:
        return False
    return True


# --- the tables -------------------------------------------------------------------------------------------------------


def test_every_role_and_every_scope_has_its_rights() -> None:
    assert set(OF_ROLE) == set(ROLES)
    assert set(OF_SCOPE) == set(SCOPES)
    assert set().union(*OF_ROLE.values(), *OF_SCOPE.values()) | {Right.SELL} == set(Right)


def test_nobody_both_proposes_and_approves_by_one_role() -> None:
    assert not [role for role in ROLES if {Right.PROPOSE, Right.APPROVE} <= OF_ROLE[role]]


def test_who_says_who_may_enter_moves_no_points() -> None:
    moves = {Right.POST, Right.PROPOSE, Right.APPROVE, Right.KEEP_ACCOUNTS, Right.KEEP_PERIODS}
    assert not OF_ROLE["owner"] & moves
    for role in ROLES:
        assert role == "owner" or not OF_ROLE[role] & {Right.MANAGE_USERS, Right.MANAGE_TOKENS}


def test_an_auditor_changes_nothing() -> None:
    assert OF_ROLE["auditor"] == {
        *(Right.OWN, Right.READ_BOOKS, Right.READ_PEOPLE, Right.READ_ORGANISATIONS),
        *(Right.REVEAL, Right.READ_ACCESS_LOG, Right.READ_RECORDS, Right.READ_SHOPS, Right.AUDIT),
    }


def test_volunteers_and_merchants_have_their_own_pages_and_nothing_else() -> None:
    assert OF_ROLE["volunteer"] == {Right.OWN, Right.OBJECT}
    assert OF_ROLE["merchant"] == {Right.OWN, Right.OBJECT, Right.KEEP_SHOP}


def test_no_scope_of_a_machine_opens_people_or_keys() -> None:
    opened = set().union(*OF_SCOPE.values())
    assert opened == {
        *(Right.READ_BOOKS, Right.POST, Right.KEEP_ACCOUNTS, Right.KEEP_PERIODS),
        *(Right.READ_RECORDS, Right.PUSH_RECORDS),
    }


# --- how far ----------------------------------------------------------------------------------------------------------


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str | None]:
    """Organisations and what is above each; any number of tops."""
    parents: dict[str, str | None] = {}
    for number in range(draw(st.integers(1, 12))):
        parents[f"o{number}"] = draw(st.sampled_from([None, *parents]))
    return parents


def line_of(tree: dict[str, str | None], code: str | None) -> list[str]:
    line = []
    while code is not None:
        line.append(code)
        code = tree[code]
    return line


def stands_below(tree: dict[str, str | None], code: str, top: str) -> bool:
    """Whether one can climb from `code` to `top`."""
    parent = tree[code]
    return code == top or (parent is not None and stands_below(tree, parent, top))


@given(trees(), st.data())
def test_a_right_reaches_its_organisations_and_all_below_them_and_nothing_else(
    tree: dict[str, str | None], data: st.DataObject
) -> None:
    held = data.draw(st.lists(st.sampled_from([*tree]), max_size=3))
    me = a_user(*(Grant("reviewer", organisation) for organisation in held))
    for code in tree:
        allowed = any(stands_below(tree, code, top) for top in held)
        assert may(me, Right.APPROVE, *line_of(tree, code)) == allowed
    assert not may(me, Right.APPROVE), "what belongs to the book as a whole is above every organisation"


@given(trees(), st.sampled_from(OF_STAFF), st.sampled_from(Right))
def test_a_role_for_the_whole_book_reaches_everything_in_it(
    tree: dict[str, str | None], role: Role, right: Right
) -> None:
    me = a_user(Grant(role))
    for code in (*tree, None):
        assert may(me, right, *line_of(tree, code)) == (right in OF_ROLE[role])


@given(st.lists(st.tuples(st.sampled_from(OF_STAFF), st.sampled_from(["a", "b", "c"]))), st.sampled_from(Right))
def test_several_roles_reach_as_far_as_each_for_itself(held: list[tuple[Role, str]], right: Right) -> None:
    me = a_user(*(Grant(role, organisation) for role, organisation in held))
    for code in ("a", "b", "c"):
        by_one = any(right in OF_ROLE[role] and organisation == code for role, organisation in held)
        assert may(me, right, code) == (by_one or right is Right.OWN)


@given(st.integers(-400, 400), st.sampled_from(OF_STAFF))
def test_a_role_holds_through_its_last_day(days: int, role: Role) -> None:
    me = a_user(Grant(role, until=TODAY + timedelta(days=days)))
    assert may(me, Right.READ_ORGANISATIONS) == (days >= 0)
    assert me.roles(TODAY) == ({role} if days >= 0 else frozenset())


def test_who_has_to_change_a_password_first_may_do_nothing_else() -> None:
    me = a_user(*(Grant(role) for role in OF_STAFF), must_change=True)
    assert {right for right in Right if may(me, right)} == {Right.OWN}


def test_without_a_role_nobody_may_anything_but_see_to_his_own_doors() -> None:
    assert {right for right in Right if may(a_user(), right)} == {Right.OWN}
    assert not rights.reach(a_user(), Right.POST, TODAY)


# --- machines and tills -----------------------------------------------------------------------------------------------


@given(st.frozensets(st.sampled_from(SCOPES)), st.sampled_from(Right))
def test_a_machine_may_what_its_scopes_say_in_the_whole_book(scopes: frozenset[rights.Scope], right: Right) -> None:
    me = Principal("machine", 1, "gulou", 1, scopes=scopes)
    allowed = any(right in OF_SCOPE[scope] for scope in scopes)
    assert may(me, right) == may(me, right, "a", "b") == allowed
    assert not may(me, Right.OWN)


def test_a_role_that_strays_into_a_machine_opens_nothing() -> None:
    assert not may(Principal("machine", 1, "gulou", 1, grants=(Grant("owner"),)), Right.MANAGE_USERS)


def test_a_till_may_nothing_but_what_tills_do() -> None:
    till = Principal("till", 1, "gulou", 1, scopes=frozenset(SCOPES), outlet="shop-1")
    assert [right for right in Right if may(till, right)] == [Right.SELL]


@pytest.mark.parametrize(
    ("prefixes", "account", "allowed"),
    [
        ((), "2100.a", False),
        (("*",), "2100.a", True),
        (("2100.",), "2100.a", True),
        (("2100.",), "2100", False),
        (("2100.",), "21000.a", False),
        (("5100", "2100."), "5100.gulou", True),
        (("5100", "2100."), "9200.a", False),
        (("2100.a",), "2100.ab", True),
        (("2100.A",), "2100.a", False),
    ],
)
def test_a_token_touches_accounts_that_begin_as_it_says(prefixes: tuple[str, ...], account: str, allowed: bool) -> None:
    assert Principal("machine", 1, "gulou", 1, prefixes=prefixes).may_touch(account) == allowed


# --- names ------------------------------------------------------------------------------------------------------------


def test_each_kind_of_caller_has_keys_of_its_own() -> None:
    names = [Principal(kind, 7, "gulou", 1).name for kind in ("user", "machine", "till")]  # type: ignore[arg-type]
    assert names == ["user:7", "token:7", "till:7"]


def test_the_volunteer_is_the_one_whose_number_a_role_names() -> None:
    assert a_user(Grant("recorder"), Grant("volunteer", volunteer_no="V-1")).volunteer_no == "V-1"
    assert a_user(Grant("recorder")).volunteer_no is None


def test_a_principal_shows_nothing_that_opens() -> None:
    shown = repr(Principal("machine", 7, "gulou", 1, scopes=frozenset(SCOPES), prefixes=("*",)))
    assert "mt_" not in shown
    assert "digest" not in shown

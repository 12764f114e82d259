"""From an entry to its evidence, through every room that posts."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.auditing import evidence
from ledger.auditing.evidence import Evidence
from ledger.books import approvals, holds
from ledger.books.approvals import CLIENT as APPROVALS
from ledger.books.directory import Book
from ledger.books.evaluate import Posted
from ledger.books.proposals import Line, Proposal
from ledger.database import connect
from ledger.earning import activities, attendances, corrections, objections, record, records
from ledger.earning.activities import Plan
from ledger.errors import UnknownTransaction
from ledger.spending import cases, redemption, refunds, stock
from ledger.spending.refunds import Returned
from tests.auditing.sealing import sealed
from tests.books.ledgers import move, opened, post, proposal, reverse
from tests.earning.programmes import Programme, at, later
from tests.earning.programmes import opened as opened_programme
from tests.spending.shops import opened_shop, policy_of


async def of(database: AsyncEngine, book: Book, transaction_id: UUID | None) -> Evidence:
    assert transaction_id is not None
    async with database.connect() as tx:
        return await evidence.of(tx, book.book_id, transaction_id)


@pytest.fixture
async def programme(database: AsyncEngine, book: Book) -> Programme:
    return await opened_programme(database, book)


async def test_points_for_an_hour_lead_to_record_rule_approver_and_lot(
    database: AsyncEngine, book: Book, programme: Programme
) -> None:
    [done] = await programme.credited(programme.service("2026-03-05", "09:00", "11:30"))
    hours, points, release = [
        await of(database, book, each)
        for each in (done.hours_transaction, done.points_transaction, done.release_transaction)
    ]
    for found in (hours, points, release):
        service = found.service
        assert service is not None
        assert (service.record, service.organisation) == (done, "护河队")
        assert service.steps == (
            ("hours", done.hours_transaction),
            ("points", done.points_transaction),
            ("release", done.release_transaction),
        )
        assert service.rule is not None
        assert (service.rule.version, service.rule.drafted_by, service.rule.decided_by) == (
            *(done.rule_set, "user:operator", "user:owner"),
        )
        assert (service.recomputed, service.agrees) == ((25, 0), True)
        assert (found.transaction.actor, found.transaction.approver) == ("user:leader", "user:reviewer")
        assert found.volunteers == {programme.holder: "V-0000"}
        assert (found.purchase, found.voucher, found.stock, found.draft, found.through) == (None,) * 5
    assert hours.lots == ()
    [made] = points.lots
    assert (made.account, made.amount, made.origin, made.made_by) == (
        *(f"2110.{programme.holder}", 25, done.points_transaction, done.points_transaction),
    )
    taken, kept = release.lots
    assert (taken.account, taken.amount, taken.remaining) == (f"2110.{programme.holder}", -25, 0)
    assert (kept.account, kept.amount, kept.origin, kept.made_by, kept.remaining) == (
        *(f"2100.{programme.holder}", 25, done.points_transaction, done.release_transaction, 25),
    )


async def test_a_record_leads_to_the_sign_in_and_the_objection(
    database: AsyncEngine, book: Book, programme: Programme
) -> None:
    begins = at("2026-03-10", "10:00")
    there = programme.database
    async with there.begin() as tx:
        plan = Plan("护河", "环保", "河边", begins, begins + timedelta(hours=3))
        activity = await activities.add(
            tx, book.book_id, programme.TEAM, plan, code="river", by="user:leader", now=begins - timedelta(days=1)
        )
        for minutes, verb in ((0, attendances.sign_in_by_leader), (150, attendances.sign_out_by_leader)):
            now = begins + timedelta(minutes=minutes)
            await verb(tx, book.book_id, activity, programme.holder, by="user:leader", now=now)
        closing = await attendances.close(
            tx, book.book_id, "river", 1, by="user:leader", now=begins + timedelta(hours=4)
        )
    assert closing is not None
    async with there.begin() as tx:
        activity_now = await activities.find(tx, book.book_id, "river")
        [signed] = await attendances.of_activity(tx, book.book_id, "river")
        assert signed.record_id is not None
        await records.review(
            *(tx, book.book_id, [signed.record_id]),
            by="user:reviewer",
            holder=None,
            accept=True,
            now=begins + timedelta(hours=5),
        )
        raised = await objections.raise_(
            *(tx, book.book_id, signed.record_id),
            by="user:neighbour",
            holder=None,
            reason="那天下雨没有去",
            now=begins + timedelta(hours=6),
        )
        done = await record.get(tx, book.book_id, signed.record_id)
    service = (await of(database, book, done.hours_transaction)).service
    assert service is not None
    assert (service.activity, service.attendances) == (activity_now, (signed,))
    assert (signed.in_by, signed.out_by, signed.by_leader, signed.minutes) == ("user:leader", "user:leader", True, 150)
    assert service.objections == (raised,)


async def test_a_correction_leads_to_what_it_corrects_and_back(
    database: AsyncEngine, book: Book, programme: Programme
) -> None:
    [done] = await programme.credited(programme.service("2026-03-05", "09:00", "11:30"))
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        corrected = await corrections.correct(
            tx, book.book_id, done.record_id, by="user:a", approver="user:b", reason="重复录入", now=now
        )
    original = await of(database, book, done.hours_transaction)
    [link] = original.corrected_by
    assert (link.correction, link.kind, link.actor) == ("reversal", "earn.reversal", "user:a")
    undone = await of(database, book, link.transaction_id)
    assert undone.corrects == original.transaction
    assert undone.service is not None
    assert undone.service.record == corrected
    assert (undone.transaction.approver, undone.corrected_by) == ("user:b", ())


async def test_what_two_people_posted_leads_to_the_proposal(
    database: AsyncEngine, book: Book, programme: Programme
) -> None:
    team, wallet = f"5120.{programme.TEAM}", f"2100.{programme.holder}"
    await programme.credited(programme.service("2026-03-05", "09:00", "11:30"))
    async with programme.database.begin() as tx:
        now = await connect.now(tx)
        wanted = Proposal(
            *("user:1", "k1", "call", "minus", None),
            lines=(Line(wallet, "debit", 5, "PT"), Line(f"5100.{programme.TEAM}", "credit", 5, "PT")),
            actor="user:1",
            description="多记了",
        )
        draft, _ = await approvals.propose(tx, book.book_id, wanted, now)
        posted = await approvals.approve(tx, book.book_id, draft.draft_id, "user:2", now)
    assert isinstance(posted, Posted), (team, posted)
    found = await of(database, book, posted.transaction_id)
    assert found.draft is not None
    assert found.draft.draft_id == draft.draft_id
    assert (found.draft.proposed_by, found.draft.decided_by) == ("user:1", "user:2")
    assert (found.transaction.client, found.transaction.approver) == (APPROVALS, "user:2")
    assert [(each.account, each.amount) for each in found.lots] == [(wallet, -5)]


async def test_a_redemption_leads_to_shop_goods_and_what_was_given_back(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    made = await shop.redeem(await shop.code(), {"G01": 2})
    redeemed = await shop.find(made.redemption_id)
    found = await of(database, book, redeemed.transaction_id)
    assert found.purchase is not None
    assert (found.purchase.redemption, found.purchase.till) == (redeemed, "收银一")
    assert (found.purchase.refunds, found.purchase.case, found.purchase.quotes) == ((), None, ())
    assert [(line.name, line.quantity) for line in found.purchase.redemption.lines] == [("香皂", 2)]
    assert found.volunteers == {shop.holder: "V-0000"}
    assert [each.amount for each in found.lots] == [-10]
    async with shop.database.begin() as tx:
        back = await refunds.refund(
            *(tx, book.book_id, made.redemption_id, [Returned(0, 1)]),
            outlet=shop.OUTLET,
            by="till:1",
            now=await connect.now(tx),
            policy=await policy_of(shop),
        )
    refunded = await of(database, book, back.transaction_id)
    assert refunded.purchase is not None
    assert (refunded.purchase.refunds, refunded.corrects) == ((back,), found.transaction)
    assert [each.amount for each in refunded.lots] == [5]


async def test_a_disputed_redemption_leads_to_the_case_from_each_of_its_postings(
    database: AsyncEngine, book: Book
) -> None:
    shop = await opened_shop(database, book)
    made = await shop.redeem(await shop.code(), {"G01": 2})
    async with shop.database.begin() as tx:
        now = await connect.now(tx)
        disputed = await cases.dispute(
            *(tx, book.book_id, shop.holder, made.redemption_id),
            by="user:0",
            now=now,
            policy=await policy_of(shop),
        )
        by = {"holder": None, "now": now}
        await cases.propose(tx, book.book_id, disputed.case_id, True, "监控里不是她", by="user:1", **by)
        decided = await cases.decide(tx, book.book_id, disputed.case_id, True, by="user:2", **by)
    for posted in (disputed.transaction_id, decided.decision_transaction):
        found = await of(database, book, posted)
        assert found.purchase is not None
        assert found.purchase.case == decided
        assert found.purchase.redemption.redemption_id == made.redemption_id


async def test_what_waited_for_her_leads_to_the_hold_and_the_redemption_from_both_ends(
    database: AsyncEngine, book: Book
) -> None:
    shop = await opened_shop(database, book, points=1000)
    paths = []
    for ending in ("confirmed", "declined", "lapsed"):
        made = await shop.redeem(await shop.code(), {"G06": 1, "S01": 5})
        assert made.status == "waiting"
        waiting = await shop.find(made.redemption_id)
        assert waiting.hold_id is not None
        paths.append((ending, waiting.hold_id, made.redemption_id))
        if ending != "lapsed":
            async with shop.database.begin() as tx:
                verb = redemption.confirm if ending == "confirmed" else redemption.decline
                now = await connect.now(tx)
                await verb(tx, book.book_id, shop.holder, made.redemption_id, by="user:0", now=now)
    tomorrow = later(shop.database, days=1)
    assert await redemption.lapse(tomorrow, book.book_id) == 1
    assert await holds.sweep(tomorrow, book.book_id) == 1
    for ending, hold_id, redemption_id in paths:
        placed = await of(database, book, hold_id)
        assert placed.hold is not None
        word = {"confirmed": "capture", "declined": "void", "lapsed": "lapse"}[ending]
        assert (placed.hold.hold_id, placed.hold.ending, placed.hold.amount) == (hold_id, word, 300)
        ended = await of(database, book, placed.hold.ended_by)
        assert ended.hold == placed.hold
        for found in (placed, ended):
            assert found.purchase is not None, ending
            assert found.purchase.redemption.redemption_id == redemption_id
        assert ended.through == (hold_id if ending == "lapsed" else None)


async def test_receipts_of_stock_lead_to_what_came(database: AsyncEngine, book: Book) -> None:
    shop = await opened_shop(database, book)
    async with shop.database.connect() as tx:
        [move_of_soap, *_] = await stock.moves_of(tx, book.book_id, shop.OUTLET, item="G01")
    found_move = await of(database, book, move_of_soap.transaction_id)
    assert found_move.stock is not None
    assert (found_move.stock.outlet, found_move.stock.move) == (shop.OUTLET, move_of_soap)


async def test_a_posting_by_hand_has_its_entries_and_its_leaf(database: AsyncEngine, book: Book) -> None:
    await opened(database, book, "2300.x", "4100")
    posted = await move(database, book, "2300.x 5", "4100 5")
    unsealed = await of(database, book, posted.transaction_id)
    assert (unsealed.transaction, unsealed.leaf) == (posted, None)
    await sealed(database, book)
    found = await of(database, book, posted.transaction_id)
    assert found.leaf is not None
    assert (found.leaf.item, found.leaf.type) == (posted.transaction_id, "transaction")
    assert (found.service, found.purchase, found.volunteers, found.lots) == (None, None, {}, ())
    back = await post(database, book, await reverse(database, book, posted))
    [link] = (await of(database, book, posted.transaction_id)).corrected_by
    assert link.transaction_id == back.transaction_id


@pytest.mark.parametrize(
    ("client", "key"),
    [
        ("room:earning", "opening:abc"),
        ("room:earning", f"{UUID(int=7)}/hours"),
        ("room:spending", f"redeem:{UUID(int=7)}"),
        ("room:spending", f"case:{UUID(int=7)}/dispute"),
        ("room:spending", f"refund:{UUID(int=7)}"),
        ("room:spending", f"stock:{UUID(int=7)}"),
        ("room:spending", "what"),
        ("room:approvals", str(UUID(int=7))),
        ("room:approvals", "what"),
        ("room:books", f"lapse:{UUID(int=7)}"),
    ],
    ids=lambda word: str(word)[-12:],
)
async def test_a_key_of_an_imported_file_that_names_nothing_here_leads_nowhere(
    database: AsyncEngine, book: Book, client: str, key: str
) -> None:
    await opened(database, book, "2300.x", "4100")
    posted = await post(database, book, proposal(key, debit="2300.x 5", credit="4100 5", client=client))
    found = await of(database, book, posted.transaction_id)
    assert found.transaction == posted
    assert (found.service, found.purchase, found.voucher, found.stock, found.draft) == (None,) * 5


async def test_there_is_no_evidence_of_what_was_never_posted(database: AsyncEngine, book: Book) -> None:
    with pytest.raises(UnknownTransaction):
        await of(database, book, uuid4())

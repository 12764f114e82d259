"""Every page of the service, as whom and at which address it is looked at, and the small time bank behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, check_codes, receipts, sealing, staff
from api import ladders as star_ladders
from api import vouchers as hers
from api.check_codes import Certificate
from api.staff import PointsChange
from ledger import identifiers
from ledger.access import ciphers, consents, guardians, renewals, sessions, tokens, users
from ledger.access.guardians import Guardian
from ledger.access.identities import Identity
from ledger.access.rights import Grant, Principal
from ledger.auditing.verifier.receipts import compact
from ledger.books import approvals
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import (
    activities,
    attendances,
    budgets,
    members,
    organisations,
    qualifications,
    rule_sets,
    volunteers,
)
from ledger.earning.activities import Plan
from ledger.earning.rules import Cap, Expiry, Item, Ladder, RuleSet, Step
from ledger.earning.tables import objections, records
from ledger.recognition import boards, honours, ladders, marks, proofs, targets
from ledger.recognition.ladder import NATIONAL, Level
from ledger.recognition.tables import assessed, assessments, award_objections, awards
from ledger.recognition.targets import Wanted
from ledger.spending import (
    alarms,
    cases,
    catalogue,
    households,
    outlets,
    policies,
    redemption,
    refunds,
    stock,
    tickets,
    vouchers,
)
from ledger.spending import tills as spending_tills
from ledger.spending.catalogue import Eligible, Quota
from ledger.spending.catalogue import Item as Goods
from ledger.spending.outlets import Details
from ledger.spending.policy import Policy
from ledger.spending.stock import Counted
from ledger.spending.tables import redemption_lines, redemptions
from ledger.spending.tables import vouchers as vouchers_table
from tests.earning.rows import a_record
from tests.pages import people, tills
from tests.pages.conftest import SETTINGS
from tests.pages.people import NORTH, SOUTH, District, Person
from tests.pages.tills import Shop

STATES: Final = ("submitted", "reviewed", "in_notice", "objected", "credited", "refused", "corrected")

PLACES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "/": (("resident", "/"), ("both", "/"), ("shop", "/")),
    "/passbook": (
        ("resident", "/passbook"),
        ("resident", "/passbook?account=notice"),
        ("resident", "/passbook?account=hours"),
        ("resident", "/passbook?account=honour"),
        ("resident", "/passbook?year=1999"),
        ("resident", "/passbook?year=never"),
        ("chief", "/passbook"),
    ),
    "/passbook/print": (
        ("resident", "/passbook/print"),
        ("resident", "/passbook/print?account=hours&size=small&after=1"),
        ("resident", "/passbook/print?after=9999"),
        ("chief", "/passbook/print"),
    ),
    "/verify": (("nobody", "/verify?book={book}"), ("resident", "/verify?what=receipt")),
    "/R": (("nobody", "/R"),),
    "/R/{code}": (("nobody", "/R/AEBAGBA"), ("nobody", "/R/{receipt}")),
    "/hours": (("resident", "/hours"), ("resident", "/hours?after=never"), ("ward", "/hours"), ("auditor", "/hours")),
    "/hours/{record_id}": (
        *(("resident", f"/hours/{{{state}}}") for state in STATES),
        ("resident", "/hours/{in_notice}?done=objected_done"),
        ("resident", "/hours/{minus}"),
        ("ward", "/hours/{in_notice}"),
    ),
    "/me/stars": (
        ("resident", "/me/stars"),
        ("resident", "/me/stars?on=2025-12-31"),
        ("ward", "/me/stars?on=never"),
        ("chief", "/me/stars"),
    ),
    "/code": (("shopper", "/code"), ("resident", "/code?after=1"), ("auditor", "/code")),
    "/me/redemptions": (("shopper", "/me/redemptions"), ("resident", "/me/redemptions?after=never")),
    "/me/redemptions/{redemption_id}": (
        ("shopper", "/me/redemptions/{sold}"),
        ("shopper", "/me/redemptions/{brought_back}"),
        ("shopper", "/me/redemptions/{called_off}"),
        ("resident", "/me/redemptions/{sold}"),
    ),
    "/programme/{book}": (
        ("nobody", "/programme/{book}"),
        ("nobody", "/programme/none"),
        ("resident", "/programme/{book}"),
    ),
    "/me/vouchers": (
        ("resident", "/me/vouchers?done=voucher_bought"),
        ("ward", "/me/vouchers"),
        ("chief", "/me/vouchers"),
    ),
    "/me/vouchers/new": (
        ("resident", "/me/vouchers/new?item=V1"),
        ("resident", "/me/vouchers/new?item=V2"),
        ("ward", "/me/vouchers/new?item=V2"),
        ("resident", "/me/vouchers/new?item=none"),
    ),
    "/me/vouchers/{voucher_id}": (
        ("resident", "/me/vouchers/{haircut}"),
        ("resident", "/me/vouchers/{foot_bath}"),
        ("resident", "/me/vouchers/{over}"),
        ("ward", "/me/vouchers/{haircut}"),
    ),
    "/sign-in": (("nobody", "/sign-in"), ("nobody", "/sign-in?left=1")),
    "/sign-out": (("resident", "/sign-out"),),
    "/account": (("resident", "/account"), ("both", "/account?done=password_changed")),
    "/account/consents": (
        ("resident", "/account/consents"),
        ("ward", "/account/consents?done=consent_withdrawn"),
    ),
    "/account/boards": (
        ("resident", "/account/boards"),
        ("ward", "/account/boards"),
        ("shopper", "/account/boards?done=consent_withdrawn"),
        ("chief", "/account/boards"),
    ),
    "/boards/{book}": (("nobody", "/boards/{book}"), ("resident", "/boards/{book}"), ("nobody", "/boards/none")),
    "/boards/{book}/{board_id}": (
        ("nobody", "/boards/{book}/{board_stars}"),
        ("nobody", "/boards/{book}/{board_averages}"),
        ("nobody", "/boards/{book}/00000000-0000-4000-8000-000000000000"),
    ),
    "/staff/boards": (
        ("chief", "/staff/boards?done=board_published"),
        ("clerk", "/staff/boards"),
        ("auditor", "/staff/boards"),
    ),
    "/staff/boards/new": (
        ("chief", "/staff/boards/new"),
        ("chief", "/staff/boards/new?kind=stars&from_day=2026-01-01&to_day=2026-02-01&least_star=1"),
        ("clerk", "/staff/boards/new?kind=averages&from_day=x&to_day=2026-02-01&least_star=3"),
    ),
    "/account/looks": (("resident", "/account/looks"), ("ward", "/account/looks")),
    "/account/password": (("resident", "/account/password"), ("newcomer", "/account/password")),
    "/staff": (("chief", "/staff"), ("auditor", "/staff"), ("resident", "/staff"), ("shop", "/staff")),
    "/staff/sheets": (("chief", "/staff/sheets"), ("auditor", "/staff/sheets"), ("clerk", "/staff/sheets")),
    "/staff/activities": (
        ("chief", "/staff/activities"),
        ("auditor", "/staff/activities?on=1999-01-01"),
        ("chief", "/staff/activities?on=never"),
        ("clerk", "/staff/activities?done=activity_cancelled"),
    ),
    "/staff/activities/new": (("chief", "/staff/activities/new"),),
    "/staff/activities/{activity}": (
        ("chief", "/staff/activities/under-way"),
        ("auditor", "/staff/activities/under-way"),
        ("chief", "/staff/activities/to-come?done=activity_published"),
        ("chief", "/staff/activities/closed"),
    ),
    "/staff/activities/{activity}/change": (("chief", "/staff/activities/to-come/change"),),
    "/staff/activities/{activity}/screen": (("chief", "/staff/activities/under-way/screen"),),
    "/in/{book}/{activity}/{code}": (
        ("resident", "{arrival}"),
        ("ward", "{arrival}"),
        ("chief", "{arrival}"),
        ("resident", "/in/elsewhere/under-way/a"),
    ),
    "/staff/approvals": (("chief", "/staff/approvals"), ("clerk", "/staff/approvals")),
    "/staff/approvals/{draft_id}": (
        ("chief", "/staff/approvals/{mine}"),
        ("chief", "/staff/approvals/{theirs}"),
        ("chief", "/staff/approvals/{posted}"),
        ("chief", "/staff/approvals/{declined}"),
        ("auditor", "/staff/approvals/{mine}"),
    ),
    "/staff/call-backs": (("chief", "/staff/call-backs"), ("chief", "/staff/call-backs?done=call_back_denied")),
    "/staff/lapsing": (("chief", "/staff/lapsing"), ("clerk", "/staff/lapsing?after=2026-01-01_2100")),
    "/staff/propose": (("chief", "/staff/propose"),),
    "/staff/budget": (
        ("chief", "/staff/budget"),
        ("chief", "/staff/budget?done=budget_granted"),
        ("clerk", "/staff/budget"),
    ),
    "/rules": (("resident", "/rules"), ("shop", "/rules")),
    "/staff/rules": (("chief", "/staff/rules"), ("auditor", "/staff/rules?before=3")),
    "/staff/rules/new": (("chief", "/staff/rules/new"),),
    "/staff/rules/{version}": (
        ("chief", "/staff/rules/1"),
        ("chief", "/staff/rules/2"),
        ("chief", "/staff/rules/3"),
        ("auditor", "/staff/rules/2"),
        ("chief", "/staff/rules/4"),
    ),
    "/staff/ladders": (("chief", "/staff/ladders"), ("auditor", "/staff/ladders?before=3")),
    "/staff/ladders/new": (("chief", "/staff/ladders/new"), ("chief", "/staff/ladders/new?example=fujian")),
    "/staff/ladders/{version}": (
        ("chief", "/staff/ladders/1"),
        ("chief", "/staff/ladders/2"),
        ("chief", "/staff/ladders/3"),
        ("auditor", "/staff/ladders/2"),
    ),
    "/staff/ladders/{version}/effect": (("chief", "/staff/ladders/3/effect"),),
    "/staff/limits": (("chief", "/staff/limits"), ("auditor", "/staff/limits?before=3")),
    "/staff/limits/new": (("chief", "/staff/limits/new"),),
    "/staff/limits/{version}": (
        ("chief", "/staff/limits/1"),
        ("chief", "/staff/limits/2"),
        ("chief", "/staff/limits/3"),
        ("auditor", "/staff/limits/2"),
    ),
    "/staff/renewals": (("chief", "/staff/renewals"), ("chief", "/staff/renewals?done=renewal_asked")),
    "/staff/volunteers": (("chief", "/staff/volunteers"), ("auditor", "/staff/volunteers?done=person_erased")),
    "/staff/volunteers/new": (("chief", "/staff/volunteers/new"),),
    "/staff/volunteers/{number}": (
        ("chief", "/staff/volunteers/N0001"),
        ("chief", "/staff/volunteers/N0002"),
        ("chief", "/staff/volunteers/N0003"),
    ),
    "/staff/volunteers/{number}/tickets": (
        ("chief", "/staff/volunteers/N0001/tickets"),
        ("chief", "/staff/volunteers/N0002/tickets?done=tickets_ended"),
    ),
    "/staff/volunteers/{number}/passbook": (
        ("chief", "/staff/volunteers/N0001/passbook"),
        ("chief", "/staff/volunteers/N0002/passbook?size=small"),
    ),
    "/staff/volunteers/list": (("chief", "/staff/volunteers/list"),),
    "/staff/volunteers/{number}/place": (
        ("chief", "/staff/volunteers/N0001/place"),
        ("chief", "/staff/volunteers/N0004/place"),
    ),
    "/staff/volunteers/{number}/guardian": (
        ("chief", "/staff/volunteers/N0002/guardian"),
        ("chief", "/staff/volunteers/N0003/guardian?done=guardian_recorded"),
    ),
    "/staff/volunteers/{number}/qualifications": (
        ("chief", "/staff/volunteers/N0001/qualifications"),
        ("auditor", "/staff/volunteers/N0002/qualifications"),
    ),
    "/staff/organisations": (("chief", "/staff/organisations"), ("auditor", "/staff/organisations")),
    "/staff/organisations/{code}": (
        ("chief", "/staff/organisations/37"),
        ("chief", "/staff/organisations/37N?done=member_added"),
        ("clerk", "/staff/organisations/37S"),
    ),
    "/staff/outlets": (
        ("chief", "/staff/outlets"),
        ("auditor", "/staff/outlets?q=lake&kind=care_station&under=37"),
        ("clerk", "/staff/outlets?under=none"),
    ),
    "/staff/outlets/{outlet}": (
        ("chief", "/staff/outlets/X0001?done=device_revoked"),
        ("auditor", "/staff/outlets/X0001"),
        ("chief", "/staff/outlets/X0002"),
    ),
    "/staff/catalogue": (
        ("chief", "/staff/catalogue"),
        ("auditor", "/staff/catalogue?after=G2"),
        ("chief", "/staff/catalogue?after=*"),
    ),
    "/staff/catalogue/{item}": (
        ("chief", "/staff/catalogue/G1"),
        ("chief", "/staff/catalogue/S1?done=item_changed"),
        ("auditor", "/staff/catalogue/P1"),
    ),
    "/staff/outlets/{outlet}/stock": (
        ("chief", "/staff/outlets/X0001/stock?done=goods_counted"),
        ("auditor", "/staff/outlets/X0001/stock"),
        ("chief", "/staff/outlets/X0002/stock"),
    ),
    "/staff/outlets/{outlet}/count": (
        ("chief", "/staff/outlets/X0001/count"),
        ("chief", "/staff/outlets/X0002/count"),
    ),
    "/staff/volunteers/{number}/marks": (
        ("chief", "/staff/volunteers/N0001/marks"),
        ("auditor", "/staff/volunteers/N0003/marks"),
    ),
    "/staff/volunteers/{number}/household": (
        ("chief", "/staff/volunteers/N0001/household"),
        ("auditor", "/staff/volunteers/N0003/household"),
    ),
    "/shops": (
        ("resident", "/shops"),
        ("ward", "/shops?latitude=36.675&longitude=117.001"),
        ("ward", "/shops?latitude=here&longitude=there"),
    ),
    "/till/bind": (("nobody", "/till/bind"), ("till", "/till/bind?done=bind_done")),
    "/till/clerk": (("till", "/till/clerk?done=clerk_on"),),
    "/staff/volunteers/{number}/identity": (("chief", "/staff/volunteers/N0001/identity"),),
    "/staff/volunteers/{number}/reveal": (("chief", "/staff/volunteers/N0001/reveal"),),
    "/staff/volunteers/{number}/erase": (("chief", "/staff/volunteers/N0001/erase"),),
    "/staff/reviews": (("chief", "/staff/reviews"), ("chief", "/staff/reviews?call_backs=1")),
    "/staff/records": (
        ("chief", "/staff/records"),
        ("auditor", "/staff/records?state=submitted"),
        ("auditor", "/staff/records?record=never"),
    ),
    "/staff/records/new": (("leader", "/staff/records/new"),),
    "/staff/records/{record_id}": (
        ("chief", "/staff/records/{submitted}"),
        ("chief", "/staff/records/{objected}"),
        ("auditor", "/staff/records/{credited}"),
        ("auditor", "/staff/records/{refused}"),
        ("auditor", "/staff/records/{minus}"),
    ),
    "/staff/acts/new": (("leader", "/staff/acts/new"),),
    "/staff/objections": (("chief", "/staff/objections"),),
    "/staff/overdue": (("chief", "/staff/overdue"), ("auditor", "/staff/overdue")),
    "/staff/notices": (("chief", "/staff/notices"),),
    "/staff/assessments": (("chief", "/staff/assessments"), ("auditor", "/staff/assessments?after=never")),
    "/staff/assessments/{assessment_id}": (
        ("chief", "/staff/assessments/{assessment}?done=assessed_done"),
        ("clerk", "/staff/assessments/{assessment}?rises=never"),
        ("auditor", "/staff/assessments/{begun}"),
    ),
    "/staff/awards": (
        ("chief", "/staff/awards"),
        ("chief", "/staff/awards?which=ready"),
        ("auditor", "/staff/awards?which=objected&after=never"),
        ("clerk", "/staff/awards?which=awarded"),
    ),
    "/staff/awards/{award_id}": (
        ("chief", "/staff/awards/{award_in_notice}"),
        ("chief", "/staff/awards/{award_ready}"),
        ("chief", "/staff/awards/{award_objected}"),
        ("chief", "/staff/awards/{award_awarded}?done=award_done_awarded"),
        ("auditor", "/staff/awards/{award_refused}"),
        ("auditor", "/staff/awards/{award_ended}"),
    ),
    "/star-notices/{book}": (("nobody", "/star-notices/{book}"), ("resident", "/star-notices/{book}?after=never")),
    "/account/star-objections/{award_id}": (("ward", "/account/star-objections/{award_ready}"),),
    "/me/awards": (("resident", "/me/awards"), ("shopper", "/me/awards"), ("chief", "/me/awards")),
    "/me/certificates/{award_id}": (
        ("resident", "/me/certificates/{award_awarded}"),
        ("resident", "/me/certificates/{award_ended}"),
        ("ward", "/me/certificates/{award_awarded}"),
    ),
    "/certificate/{book}": (
        ("nobody", "/certificate/{book}"),
        ("nobody", "/certificate/{book}?serial=S2020-000001&check={check_awarded}"),
        ("nobody", "/certificate/{book}?serial=S2020-000005&check={check_ended}"),
        ("resident", "/certificate/{book}?serial=S2020-000001"),
    ),
    "/notice/{book}/{organisation}": (
        ("nobody", "/notice/{book}/37"),
        ("ward", "/notice/{book}/37S"),
    ),
    "/account/objections/{record_id}": (("ward", "/account/objections/{in_notice}"),),
    "/till": (("till", "/till"), ("till", "/till?n.G1=2&n.G2=1"), ("till", "/till?q=nothing"), ("nobody", "/till")),
    "/till/day": (("till", "/till/day"), ("till", "/till/day?receipt=1")),
    "/till/redemptions/{redemption_id}": (
        ("till", "/till/redemptions/{sold}"),
        ("till", "/till/redemptions/{brought_back}?done=till_was_refunded"),
        ("till", "/till/redemptions/{called_off}"),
    ),
    "/till/redemptions/{redemption_id}/cancel": (("till", "/till/redemptions/{sold}/cancel"),),
    "/till/redemptions/{redemption_id}/refund": (
        ("till", "/till/redemptions/{sold}/refund"),
        ("till", "/till/redemptions/{called_off}/refund"),
    ),
    "/till/try": (("till", "/till/try"),),
    "/till/by-key/{key}": (("till", "/till/by-key/never"),),
    "/till/practice": (("till", "/till/practice"), ("till", "/till/practice?n.soap=2")),
    "/till/practice/by-key/{key}": (("till", "/till/practice/by-key/good"),),
    "/till/practice/receipt": (("till", "/till/practice/receipt?n.soap=2"),),
    "/outlet/day": (
        ("shop", "/outlet/day"),
        ("shop", "/outlet/day?on=1999-01-01"),
        ("auditor", "/outlet/day"),
        ("auditor", "/outlet/day?outlet=X0001"),
        ("auditor", "/outlet/day?outlet=X0002&on=never"),
    ),
    "/staff/targets": (("chief", "/staff/targets"), ("auditor", "/staff/targets")),
    "/staff/targets/{target}": (
        ("chief", "/staff/targets/lake-hours?done=target_set"),
        ("auditor", "/staff/targets/lake-hours?year=1999&reached=1"),
        ("chief", "/staff/targets/groups?after=nobody"),
    ),
    "/staff/honours": (
        ("chief", "/staff/honours?done=honours_added"),
        ("chief", "/staff/honours?state=given"),
        ("auditor", "/staff/honours?state=declined&proposed=3"),
        ("auditor", "/staff/honours?after=never&year=1999"),
    ),
    "/honours/{book}/{year}": (("nobody", "/honours/{book}/{this_year}"), ("resident", "/honours/{book}/never")),
    "/me/targets": (("resident", "/me/targets"), ("ward", "/me/targets"), ("chief", "/me/targets")),
    "/staff/cases": (("chief", "/staff/cases"), ("auditor", "/staff/cases?state=decided"), ("clerk", "/staff/cases")),
    "/staff/cases/{case_id}": (
        ("chief", "/staff/cases/{case_open}"),
        ("chief", "/staff/cases/{case_mine}?done=case_proposed_done"),
        ("chief", "/staff/cases/{case_theirs}"),
        ("auditor", "/staff/cases/{case_decided}"),
    ),
    "/staff/alarms": (
        ("chief", "/staff/alarms"),
        ("auditor", "/staff/alarms?seen=1&month=2001-01"),
        ("clerk", "/staff/alarms?month=never"),
    ),
    "/me/proofs": (
        ("resident", "/me/proofs?done=proof_asked"),
        ("ward", "/me/proofs"),
        ("auditor", "/me/proofs"),
    ),
    "/me/proofs/new": (
        ("resident", "/me/proofs/new?organisation=37N"),
        ("resident", "/me/proofs/new?organisation=none"),
    ),
    "/me/proofs/{proof_id}/print": (
        ("resident", "/me/proofs/{proof_issued}/print"),
        ("resident", "/me/proofs/{proof_revoked}/print"),
    ),
    "/proof/{token}": (
        ("nobody", "/proof/{token_issued}"),
        ("nobody", "/proof/{token_revoked}"),
        ("resident", "/proof/{token_corrected}"),
    ),
    "/staff/proofs": (
        ("chief", "/staff/proofs"),
        ("auditor", "/staff/proofs?state=issued"),
        ("auditor", "/staff/proofs?state=corrected"),
        ("chief", "/staff/proofs?state=refused&after=never"),
        ("clerk", "/staff/proofs?state=revoked"),
    ),
    "/staff/proofs/{proof_id}": (
        ("chief", "/staff/proofs/{proof_waits}"),
        ("chief", "/staff/proofs/{proof_issued}?done=proof_issued_done"),
        ("auditor", "/staff/proofs/{proof_revoked}"),
        ("auditor", "/staff/proofs/{proof_refused}"),
    ),
    "/staff/proofs/{proof_id}/print": (("chief", "/staff/proofs/{proof_issued}/print"),),
    "/staff/volunteers/{number}/proofs": (
        ("chief", "/staff/volunteers/{residents_number}/proofs?done=proof_waits_already"),
        ("chief", "/staff/volunteers/N0001/proofs"),
    ),
    "/staff/audit": (("auditor", "/staff/audit"),),
    "/staff/audit/balance": (
        ("auditor", "/staff/audit/balance"),
        ("auditor", "/staff/audit/balance?at={this_year}-01-01&group=2100"),
        ("auditor", "/staff/audit/balance?group=2100"),
        ("auditor", "/staff/audit/balance?known_at=never"),
        ("auditor", "/staff/audit/balance?known_at=2001-01-01"),
    ),
    "/staff/audit/search": (
        ("auditor", "/staff/audit/search"),
        ("auditor", "/staff/audit/search?volunteer=N0001&kind=spend&correction=refund"),
        ("auditor", "/staff/audit/search?text=word"),
        ("auditor", "/staff/audit/search?volunteer=nobody&amount=never"),
    ),
    "/staff/audit/transactions/{transaction_id}": (
        ("auditor", "/staff/audit/transactions/{of_draft}"),
        ("auditor", "/staff/audit/transactions/{of_redemption}"),
        ("auditor", "/staff/audit/transactions/{of_refund}"),
    ),
    "/staff/audit/log": (("auditor", "/staff/audit/log"),),
    "/staff/audit/package": (("auditor", "/staff/audit/package"),),
    "/staff/audit/looks": (("auditor", "/staff/audit/looks"), ("chief", "/staff/audit/looks?actor=user:1")),
    "/staff/access-log": (("chief", "/staff/access-log"), ("chief", "/staff/access-log?volunteer=N0001")),
    "/staff/users": (("chief", "/staff/users"), ("chief", "/staff/users?login=nobody")),
    "/staff/users/new": (("chief", "/staff/users/new"),),
    "/staff/tokens": (("chief", "/staff/tokens"),),
    "/staff/tokens/new": (("chief", "/staff/tokens/new"),),
    "": (("resident", "/nowhere"), ("nobody", "/nowhere")),
}
"""Each address of the application that is a page → as whom it is opened, and where. A page that is not here fails."""

LEAD_ON: Final = {"/en", "/en/{rest}"}
"""Addresses that lead to pages and are none."""

FILES: Final = {"/staff/audit/package/file", "/staff/honours/list", "/account/export", "/code/state"}
"""Addresses of files that a browser saves, and of a word that the script of a page reads."""

FORMS: Final[dict[str, str]] = {
    "/sign-in": "nobody",
    "/sign-out": "resident",
    "/account/book": "resident",
    "/hours/{record_id}/object": "resident",
    "/code": "resident",
    "/me/redemptions/{redemption_id}/confirm": "resident",
    "/me/redemptions/{redemption_id}/decline": "resident",
    "/me/redemptions/{redemption_id}/dispute": "resident",
    "/account/password": "resident",
    "/me/vouchers": "resident",
    "/account/consents": "resident",
    "/account/consents/withdraw": "resident",
    "/account/devices/end": "resident",
    "/account/devices/{device_id}/end": "resident",
    "/in/{book}/{activity}": "resident",
    "/staff/activities/new": "chief",
    "/staff/activities/{activity}/change": "chief",
    "/staff/activities/{activity}/cancel": "chief",
    "/staff/activities/{activity}/sign-in": "chief",
    "/staff/activities/{activity}/sign-out": "chief",
    "/staff/activities/{activity}/strike": "chief",
    "/staff/activities/{activity}/close": "chief",
    "/staff/propose": "chief",
    "/staff/budget": "chief",
    "/staff/budget/share": "chief",
    "/staff/approvals/{draft_id}/approve": "chief",
    "/staff/approvals/{draft_id}/decline": "chief",
    "/staff/renewals": "chief",
    "/staff/rules/new": "chief",
    "/staff/sheets": "chief",
    "/staff/rules/{version}/approve": "chief",
    "/staff/rules/{version}/decline": "chief",
    "/staff/ladders/new": "chief",
    "/staff/ladders/{version}/approve": "chief",
    "/staff/ladders/{version}/decline": "chief",
    "/staff/limits/new": "chief",
    "/staff/limits/{version}/approve": "chief",
    "/staff/limits/{version}/decline": "chief",
    "/staff/renewals/{renewal_id}/confirm": "chief",
    "/staff/renewals/{renewal_id}/decline": "chief",
    "/staff/reviews": "chief",
    "/staff/records/new": "leader",
    "/staff/records/{record_id}/call-back": "chief",
    "/staff/records/{record_id}/correction": "chief",
    "/staff/acts/new": "leader",
    "/staff/objections/{objection_id}/decide": "chief",
    "/account/objections/{record_id}": "resident",
    "/staff/assessments": "chief",
    "/staff/assessments/{assessment_id}/candidates": "chief",
    "/staff/awards": "chief",
    "/staff/awards/{award_id}/award": "chief",
    "/staff/awards/{award_id}/refuse": "chief",
    "/staff/awards/{award_id}/end": "chief",
    "/staff/awards/{award_id}/objection": "chief",
    "/account/star-objections/{award_id}": "resident",
    "/till": "till",
    "/till/code": "till",
    "/till/photo": "till",
    "/till/quote": "till",
    "/till/redeem": "till",
    "/till/redemptions/{redemption_id}/cancel": "till",
    "/till/redemptions/{redemption_id}/refund": "till",
    "/till/frames": "till",
    "/till/try": "till",
    "/till/try/photo": "till",
    "/till/practice": "till",
    "/till/practice/code": "till",
    "/till/practice/photo": "till",
    "/till/practice/quote": "till",
    "/till/practice/redeem": "till",
    "/staff/targets": "chief",
    "/staff/targets/{target}/end": "chief",
    "/staff/targets/{target}/honours": "chief",
    "/staff/honours": "chief",
    "/staff/honours/decide": "chief",
    "/staff/honours/{honour_id}/end": "chief",
    "/staff/cases/{case_id}/answer": "chief",
    "/staff/cases/{case_id}/proposal": "chief",
    "/staff/cases/{case_id}/decision": "chief",
    "/staff/alarms/{alarm_id}/seen": "chief",
    "/account/boards": "resident",
    "/account/boards/withdraw": "resident",
    "/staff/boards": "chief",
    "/staff/boards/{board_id}/withdraw": "chief",
    "/me/proofs": "resident",
    "/me/proofs/{proof_id}/withdraw": "resident",
    "/staff/proofs/{proof_id}/issue": "chief",
    "/staff/proofs/{proof_id}/refusal": "chief",
    "/staff/proofs/{proof_id}/revocation": "chief",
    "/staff/volunteers/{number}/proofs": "chief",
    "/staff/access-log": "chief",
    "/staff/volunteers": "chief",
    "/staff/volunteers/new": "chief",
    "/staff/volunteers/{number}/identity": "chief",
    "/staff/volunteers/list": "chief",
    "/staff/volunteers/{number}/place": "chief",
    "/staff/volunteers/{number}/leave": "chief",
    "/staff/volunteers/{number}/guardian": "chief",
    "/staff/volunteers/{number}/guardian/end": "chief",
    "/staff/volunteers/{number}/guardian/reveal": "chief",
    "/staff/volunteers/{number}/qualifications": "chief",
    "/staff/volunteers/{number}/qualifications/end": "chief",
    "/staff/organisations": "chief",
    "/staff/organisations/{code}/status": "chief",
    "/staff/organisations/{code}/members": "chief",
    "/staff/organisations/{code}/members/{number}": "chief",
    "/staff/organisations/{code}/members/{number}/end": "chief",
    "/staff/catalogue": "chief",
    "/staff/catalogue/{item}": "chief",
    "/staff/catalogue/{item}/prices": "chief",
    "/staff/outlets/{outlet}/receipts": "chief",
    "/staff/outlets/{outlet}/offers": "chief",
    "/staff/outlets/{outlet}/offers/{item}/switch": "chief",
    "/staff/outlets/{outlet}/count": "chief",
    "/staff/volunteers/{number}/marks": "chief",
    "/staff/volunteers/{number}/marks/{mark_id}/lift": "chief",
    "/staff/volunteers/{number}/household": "chief",
    "/staff/volunteers/{number}/household/leave": "chief",
    "/staff/outlets": "chief",
    "/staff/outlets/{outlet}": "chief",
    "/staff/outlets/{outlet}/status": "chief",
    "/staff/outlets/{outlet}/tills": "chief",
    "/staff/outlets/{outlet}/tills/{till}/revoke": "chief",
    "/till/bind": "nobody",
    "/till/bind/end": "nobody",
    "/till/clerk": "nobody",
    "/till/clerk/end": "nobody",
    "/staff/volunteers/{number}/reveal": "chief",
    "/staff/volunteers/{number}/card": "chief",
    "/staff/volunteers/{number}/card/end": "chief",
    "/staff/volunteers/{number}/erase": "chief",
    "/staff/volunteers/{number}/tickets": "chief",
    "/staff/volunteers/{number}/tickets/{sheet_id}/end": "chief",
    "/staff/call-backs/{redemption_id}": "chief",
    "/verify": "nobody",
    "/R": "nobody",
    "/staff/users/new": "chief",
    "/staff/users/roles/{role_id}/end": "chief",
    "/staff/tokens/new": "chief",
    "/staff/tokens/{token_id}/revoke": "chief",
}
"""Each address to which a page sends a form → who may."""

ELSEWHERE: Final = ("/api/", "/schema", "/static/", "/healthz", "/readyz", "/metrics")


def addresses(app: Litestar, method: str) -> set[str]:
    """The addresses of pages that take this method."""
    return {
        route.path_format
        for route in app.routes
        if isinstance(route, HTTPRoute) and method in route.methods and not route.path.startswith(ELSEWHERE)
    }


@dataclass(frozen=True)
class Cast:
    """Who looks at the pages, and what the addresses name."""

    people: dict[str, Person | Shop | None]
    ids: dict[str, str]
    district: District


async def a_cast(database: AsyncEngine, book: Book, resident: Person) -> Cast:
    """Everybody and everything that the pages show, all of its data in English."""
    district = await people.a_district(database, book)
    async with database.begin() as tx:
        await volunteers.register(tx, book.book_id, "N0002", NORTH)
    ward = await people.a_volunteer(database, book, "N0003", NORTH)
    await people.who_is(database, book, "N0001", Identity("Example of the Lake", "13800138000", people.GROWN))
    await people.who_is(database, book, "N0003", Identity("Young Example", None, people.YOUNG))
    chief = await people.somebody(
        database, book, Grant("operator"), Grant("reviewer"), Grant("owner"), Grant("recorder")
    )
    clerk = await people.somebody(database, book, Grant("operator", NORTH))
    both = await people.somebody(database, book, Grant("operator"), Grant("volunteer", volunteer_no="N0002"))
    shop = await tills.a_shop(database, book)
    shopper = await tills.a_shopper(database, book, "N0099", name=None)
    ids = await tills.a_day(database, shop, shopper)
    await tills.sells(database, shop, shopper, {"G2": 1}, agent=ward)
    await _tickets(database, book, resident=district.northern)
    cast: dict[str, Person | Shop | None] = {
        "till": shop,
        "nobody": None,
        "resident": resident,
        "shopper": shopper,
        "shop": await people.somebody(database, book, Grant("merchant", outlet="X0001")),
        "ward": ward,
        "newcomer": await people.somebody(database, book, Grant("operator"), must_change=True),
        "chief": chief,
        "clerk": clerk,
        "leader": await people.somebody(database, book, Grant("recorder", NORTH)),
        "both": both,
        "auditor": await people.somebody(database, book, Grant("auditor", until=auth.today())),
    }
    await people.a_session(database, resident, "Safari, iPhone")
    assert ward.volunteer is not None
    async with database.begin() as tx:
        for purpose, by in (("service", "self"), ("minor_guardian", "guardian"), ("public_name", "user:1")):
            await consents.give(tx, book.book_id, ward.volunteer.holder, purpose, "2026-11", by, auth.now())
        await consents.withdraw(tx, book.book_id, ward.volunteer.holder, "public_name", "self", auth.now())
    await an_organisation(database, book, ward)
    me, colleague = await principal(database, chief), await principal(database, clerk)
    now = auth.now()
    async with database.begin() as tx:
        ids |= {
            name: str((await staff.change_points(tx, by, PointsChange("N0001", True, 10, why), name))[0].draft_id)
            for name, by, why in (
                ("mine", me, "a talk at the school"),
                ("theirs", colleague, "helped <b>neighbours</b> & friends through a long winter"),
                ("posted", colleague, "flood watch"),
                ("declined", colleague, "flood watch, again"),
            )
        }
    async with database.begin() as tx:
        await staff.approve(tx, me, UUID(ids["posted"]), "request")
        await staff.decline(tx, me, UUID(ids["declined"]), "entered twice")
        for number, by in (("S0001", "user:0"), ("N0001", me.name), ("N0003", "user:0")):
            await renewals.ask(tx, book.book_id, number, by, now)
        for name, outlet in (("District platform", None), ("Till of the village shop", "X0001")):
            made, _secret = await tokens.make(
                tx,
                book.book_id,
                name,
                scopes=("books:read", "books:post"),
                prefixes=("9110", "9200"),
                outlet=outlet,
                by=me.name,
                now=now,
                lifetime=tokens.LONGEST,
            )
        await tokens.revoke(tx, book.book_id, made.token_id, me.name, now)
        year = auth.today().year
        granted = {"by": me.name, "client": me.name, "key": "budget", "call": "budget"}
        await budgets.grant(tx, book.book_id, year, 120_000, 12_000_000, **granted)
        await budgets.share(tx, book.book_id, year, NORTH, 40_000)
        await _rules(tx, book, me, colleague)
        await _limits(tx, book, me, colleague)
        await _ladders(tx, book, me, colleague)
        ids |= await _hours(tx, book, resident, me)
        ids |= await _proofs(tx, book, resident, me)
        ids |= await _vouchers(tx, book, resident)
        ids |= await _cases(tx, shop, resident, me, colleague)
        ids |= await _boards(tx, book, district, me)
        await _honours(tx, book, resident, ward, me, colleague)
        ids |= await _stars(tx, book, resident, ward, me, colleague)
    arrival = await activities_of(database, district, ward)
    await shops_of(database, book, shop, cast["shop"])
    await goods_of(database, district)
    ids |= await _transactions(database, book, ids)
    names = {"book": book.code, "arrival": arrival, "this_year": str(auth.today().year)}
    names["receipt"] = await _receipt(database, book, resident)
    return Cast(cast, ids | names, district)


async def _transactions(database: AsyncEngine, book: Book, ids: dict[str, str]) -> dict[str, str]:
    """What an auditor opens: what two people posted, a redemption, and what was given back of one."""
    async with database.connect() as tx:
        draft = await approvals.read(tx, book.book_id, UUID(ids["posted"]))
        sold = await redemption.find(tx, book.book_id, UUID(ids["sold"]))
        [back] = await refunds.of(tx, book.book_id, UUID(ids["brought_back"]))
    return {
        "of_draft": str(draft.transaction_id),
        "of_redemption": str(sold.transaction_id),
        "of_refund": str(back.transaction_id),
    }


async def _receipt(database: AsyncEngine, book: Book, resident: Person) -> str:
    """The logs are published, and the code on her passbook leads to her newest entry."""
    assert resident.volunteer is not None
    for each in (book.book_id, resident.book.book_id):
        await sealing.now(database, SETTINGS, each)
    account = resident.account(volunteers.WALLET)
    async with database.begin() as tx:
        found = await receipts.of_account(tx, resident.book.book_id, account)
    assert found is not None
    return compact(found)


async def _honours(
    tx: AsyncConnection, book: Book, resident: Person, ward: Person, me: Principal, colleague: Principal
) -> None:
    """Targets of people and groups, and honours that wait and that were given, to her, to a minor and to a group."""
    assert resident.volunteer is not None
    assert ward.volunteer is not None
    now = await connect.now(tx)
    year = day_of(now).year
    for wanted in (
        Wanted("lake-hours", "Lake hours", "year_hours", "person", 60, year - 1),
        Wanted("every-week", "Every week", "weekly", "person", 53, year, category="lake & shore"),
        Wanted("theme", "Theme days", "theme_days", "person", 1, year, year + 1, NORTH, None, ("03-05", "12-05")),
        Wanted("groups", "Groups", "year_hours", "group", 60, year),
    ):
        await targets.set_(tx, book.book_id, wanted, by=me.name, now=now)
    for name, give in (("Helper of the year", True), ("Friend of the lake", False), ("Neighbour", None)):
        for whose in (
            {"holder": resident.volunteer.holder},
            {"holder": ward.volunteer.holder},
            {"organisation": NORTH},
        ):
            made = await honours.propose(tx, book.book_id, year, name, by=colleague.name, now=now, **whose)
            if give is not None:
                asked = [made.honour_id]
                await honours.decide(tx, book.book_id, asked, give, by=me.name, holder=None, now=now)


async def _boards(tx: AsyncConnection, book: Book, district: District, me: Principal) -> dict[str, str]:
    """A board of people, one of averages, and one that was withdrawn."""
    now = await connect.now(tx)
    today, found = day_of(now), {}
    hers = [each.volunteer for each in (district.northern, district.southern) if each.volunteer is not None]
    of_people = [boards.Candidate(each.holder, each.volunteer_no, 4, 6_120) for each in hers]
    for name, kind, organisation in (
        ("board_stars", "stars", None),
        ("board_averages", "averages", None),
        ("board_gone", "stars", NORTH),
    ):
        wanted = boards.Wanted(kind, date(today.year, 1, 1), today, organisation)  # type: ignore[arg-type] # kinds
        figures = await boards.averages(tx, book.book_id, wanted) if kind == "averages" else ()
        who = of_people if kind == "stars" else []
        found[name], _ = await boards.publish(tx, book.book_id, wanted, who, figures, by=me.name, now=now)
    gone = found["board_gone"].board_id
    await boards.withdraw(tx, book.book_id, gone, by=me.name, now=now)
    return {name: str(each.board_id) for name, each in found.items()}


async def _cases(
    tx: AsyncConnection, shop: Shop, resident: Person, me: Principal, colleague: Principal
) -> dict[str, str]:
    """What the resident says was not redeemed by her: open, proposed by one or the other, and decided."""
    assert resident.volunteer is not None
    book, holder, now, ids = shop.book.book_id, resident.volunteer.holder, await connect.now(tx), {}
    for name in ("case_open", "case_mine", "case_theirs", "case_decided"):
        redemption_id = uuid4()
        await tx.execute(
            insert(redemptions).values(
                book_id=book,
                redemption_id=redemption_id,
                outlet=shop.outlet,
                till=shop.till,
                holder=holder,
                means="card",
                status="done",
                points=0,
                word="山水",
                day=day_of(now),
                made_at=now,
            )
        )
        line = {"line": 0, "item": "G1", "quantity": 2, "points": 0, "supply": "merchant", "value": 0, "counted": False}
        await tx.execute(insert(redemption_lines).values(book_id=book, redemption_id=redemption_id, **line))
        words = "" if name == "case_mine" else "I was in hospital <b>all day</b> & saw no shop"
        case_id = (
            await cases.dispute(tx, book, holder, redemption_id, by="user:0", now=now, policy=Policy(), words=words)
        ).case_id
        ids[name] = str(case_id)
        if name != "case_open":
            await cases.answer(tx, book, case_id, "A man showed her card", by=me.name, now=now)
            by = me.name if name == "case_mine" else colleague.name
            reason = "Seen on the shop's camera"
            await cases.propose(tx, book, case_id, True, reason, by=by, holder=None, now=now)
        if name == "case_decided":
            await cases.decide(tx, book, case_id, True, by=me.name, holder=None, now=now)
    await alarms.raise_(tx, book, "unknown_codes", shop.outlet, till=shop.till, facts={"codes": 5}, now=now)
    [newest] = await alarms.listed(tx, book, limit=1)
    await alarms.see(tx, book, newest.alarm_id, by=me.name, now=now)
    await alarms.raise_(tx, book, "unknown_codes", shop.outlet, till=shop.till, facts={"codes": 5}, now=now)
    return ids


async def shops_of(database: AsyncEngine, book: Book, shop: Shop, clerk: Person | Shop | None) -> None:
    """Beside the shop a station, and one that is closed; in the shop a clerk, and a till that has ended."""
    await tills.revoked(database, await tills.a_till(database, book))
    place = {"latitude": 36_675_000, "longitude": 117_000_000}
    station = Details("Care station", "care_station", "37", "1 Lake Road", "0531 000", "9 to 5", **place)
    assert isinstance(clerk, Person)
    async with database.begin() as tx:
        here = await outlets.find(tx, book.book_id, shop.outlet)
        placed = replace(here.details, latitude=36_679_000, longitude=117_001_000, day_limit=5_000)
        await outlets.change(tx, book.book_id, shop.outlet, placed)
        await outlets.add(tx, book.book_id, "X0002", station)
        await outlets.add(tx, book.book_id, "X0003", replace(station, name="Old station"))
        await outlets.set_status(tx, book.book_id, "X0003", "closed")
        user = await users.with_login(tx, clerk.login)
        assert user is not None
        await spending_tills.stand(tx, book.book_id, shop.till, f"user:{user.user_id}")


async def goods_of(database: AsyncEngine, district: District) -> None:
    """A service with quotas and conditions, a perk that has gone, a price to come, a count that differed; a household.

    The soap, the towels and the rice of the shop are there already.
    """
    book = district.book.book_id
    async with database.begin() as tx:
        now = await connect.now(tx)
        today = day_of(now)
        service = Goods(
            "S1",
            "Cut <b> & fit",
            "service",
            30,
            today,
            None,
            (Quota("person", 2, "month"), Quota("household", 3, "quarter")),
            Eligible(2, "Rider", 18, 80),
            90,
            True,
        )
        gone = Goods("P1", "Ferry", "perk", 0, today - timedelta(days=9), today - timedelta(days=1))
        for each in (service, gone):
            await catalogue.add(tx, book, each, by="user:1", now=now)
            await catalogue.offer(tx, book, "X0001", each.item, "merchant")
        await catalogue.switch(tx, book, "X0001", "P1", False)
        await catalogue.set_price(tx, book, "G1", today + timedelta(days=9), 6, by="user:1", now=now)
        asked = {"call": "count", "by": "user:1", "now": now}
        await stock.receive(tx, book, "X0001", "G1", 5, "bought", fen=2_550, note="Receipt 17 of the mill", **asked)
        await stock.count(tx, book, "X0001", [Counted("G2", 9)], "One was torn & thrown away", **asked)
        for number in ("N0001", "N0003"):
            hers = await volunteers.find(tx, book, number)
            await households.join(tx, book, hers.holder, "F-0017")


async def _tickets(database: AsyncEngine, book: Book, resident: Person) -> None:
    """A sheet of tickets of which one is used, and one that was lost."""
    assert resident.volunteer is not None
    holder = resident.volunteer.holder
    async with database.begin() as tx:
        now = await connect.now(tx)
        for lost in (False, True):
            digests = [uuid4().bytes for _ in range(3)]
            sheet = await tickets.issue(tx, book.book_id, holder, digests, by="user:0", now=now, policy=Policy())
            await tickets.use(tx, book.book_id, sheet.tickets[0].ticket_id, now)
            if lost:
                await tickets.end_sheet(tx, book.book_id, sheet.sheet_id, now)


async def activities_of(database: AsyncEngine, district: District, ward: Person) -> str:
    """An activity to come, one under way, one closed; and what the QR code of the second holds now."""
    book = district.book.book_id
    now = auth.now()
    hour = timedelta(hours=1)
    planned = Plan("<b> & tea", "environment", "1 Lake Road", now, now + 3 * hour)
    insured: dict[str, Any] = {"capacity": 20, "least_age": 6, "risky": True, "policy_no": "P-1"}
    hers, northern, southern = (each.volunteer for each in (ward, district.northern, district.southern))
    assert hers is not None
    assert northern is not None
    assert southern is not None
    async with database.begin() as tx:
        for code, plan in (
            ("under-way", replace(planned, starts_at=now - hour, **insured)),
            ("to-come", replace(planned, starts_at=now + 24 * hour, ends_at=now + 49 * hour, risky=True)),
            ("closed", replace(planned, starts_at=now - 3 * hour, ends_at=now - hour)),
        ):
            await activities.add(tx, book, NORTH, plan, code=code, by="user:0", now=plan.starts_at - hour)
        closed, under_way = await activities.find(tx, book, "closed"), await activities.find(tx, book, "under-way")
        for each in (northern, southern):
            await attendances.sign_in(tx, book, closed, each.holder, code=None, by="user:0", now=now - 2 * hour)
        await attendances.strike(tx, book, "closed", southern.holder, 1, by="user:0", now=now - 2 * hour)
        await attendances.close(tx, book, "closed", 1, by="user:0", now=now)
        await attendances.sign_in_by_leader(tx, book, under_way, hers.holder, by="user:0", now=now)
        await attendances.sign_in(tx, book, under_way, northern.holder, code=None, by="user:0", now=now)
        await attendances.sign_out(tx, book, under_way, northern.holder, code=None, by="user:0", now=now + hour)
    return f"/in/{district.book.code}/under-way/{attendances.code_at(book, under_way, auth.now())}"


async def _rules(tx: AsyncConnection, book: Book, me: Principal, colleague: Principal) -> None:
    """Rules in force, two drafts that change them, one of hers, and one that was not adopted."""
    now = await connect.now(tx)
    items = (
        Item("P01", "Service in the community", "service", "per_hour", 10, (Cap(80, "day"),)),
        Item("P12", "Neighbours reconciled", "act", "fixed", 10, (Cap(40, "month"),)),
        Item("M01", "Did not come without a reason", "deduction", "fixed", -5),
    )
    first = RuleSet(items=items, categories={"Environment": "P01"}, default_item="P01", caps=(Cap(2000, "year"),))
    ladder = Ladder((Step(20, 1), Step(80, 2), Step(None, 4)))
    tomorrow = day_of(now) + timedelta(days=1)
    for the, day, by, note in (
        (first, day_of(now) - timedelta(days=60), colleague, "First rules of the district"),
        (replace(first, notice_days=5, ladder=ladder), tomorrow, me, "Hours on a ladder"),
        (replace(first, items=items[:2], expiry=Expiry("nth_year_end", 3)), tomorrow, colleague, ""),
        (first, tomorrow, colleague, "Nothing new"),
    ):
        made = await rule_sets.draft(tx, book.book_id, the, effective_from=day, note=note, by=by.name, now=now)
        if made.version == 1:
            await rule_sets.approve(tx, book.book_id, 1, by=me.name, now=now)
    await rule_sets.decline(tx, book.book_id, 4, by=me.name, now=now)


async def _vouchers(tx: AsyncConnection, book: Book, resident: Person) -> dict[str, str]:
    """Haircuts and foot baths at the village shop; vouchers of hers, one of which is over."""
    now = await connect.now(tx)
    assert resident.volunteer is not None
    for code, name, giftable in (("V1", "Haircut", False), ("V2", "Foot bath with herbs", True)):
        item = catalogue.Item(
            code, name, "service", 2, day_of(now) - timedelta(days=60), voucher_days=30, giftable=giftable
        )
        await catalogue.add(tx, book.book_id, item, by="user:0", now=now)
        await catalogue.offer(tx, book.book_id, "X0001", code, "merchant")
    ids = {}
    for name, code in (("haircut", "V1"), ("foot_bath", "V2"), ("over", "V1")):
        voucher_id = next(identifiers.rising(now))
        digits = hers.number_of(people.PRINT_KEYS[0], voucher_id)
        bought = await vouchers.buy(
            tx,
            book.book_id,
            resident.volunteer.holder,
            code,
            voucher_id=voucher_id,
            digest=ciphers.digest(tills.KEYS, "spending", digits),
            by="user:0",
            age=None,
            now=now,
        )
        ids[name] = str(bought.voucher_id)
    of_her = (vouchers_table.c.book_id == book.book_id, vouchers_table.c.voucher_id == UUID(ids["over"]))
    await tx.execute(update(vouchers_table).where(*of_her).values(expires_on=day_of(now) - timedelta(days=1)))
    return ids


async def _limits(tx: AsyncConnection, book: Book, me: Principal, colleague: Principal) -> None:
    """Limits in force, a draft of hers and one of a colleague's that changes them."""
    now = await connect.now(tx)
    tomorrow = day_of(now) + timedelta(days=1)
    for policy, day, by, note in (
        (Policy(free_points=30), day_of(now) - timedelta(days=30), colleague, "First limits of the district"),
        (Policy(free_points=30), tomorrow, me, ""),
        (Policy(free_points=10, free_times=2), tomorrow, colleague, "Careful"),
    ):
        made = await policies.draft(tx, book.book_id, policy, effective_from=day, note=note, by=by.name, now=now)
        if made.version == 1:
            await policies.approve(tx, book.book_id, 1, by=me.name, now=now)


async def _stars(
    tx: AsyncConnection, book: Book, resident: Person, ward: Person, me: Principal, colleague: Principal
) -> dict[str, str]:
    """An assessment and one that was begun; stars of the resident in every state, and of a minor in notice."""
    now = await connect.now(tx)
    today = day_of(now)
    made = {"book_id": book.book_id, "as_of": today, "known_at": now, "ladder": 0, "made_by": me.name, "made_at": now}
    assessment, begun = next(identifiers.rising(now)), next(identifiers.rising(now))
    done = {"done_at": now, "people": 2, "digest": bytes(range(32))}
    await tx.execute(insert(assessments).values(assessment_id=assessment, **made, **done))
    await tx.execute(insert(assessments).values(assessment_id=begun, **made))
    hers = {"book_id": book.book_id, "assessment_id": assessment, "honour_minutes": 0, "year_minutes": 0, "points": 0}
    held: dict[str, Any] = {"title": "", "as_of": today, "minutes": 6_120, "needed": 6_000, "honour": False}
    week = timedelta(days=7)
    states: dict[str, dict[str, Any]] = {
        "awarded": {"notice_until": today - week},
        "ready": {"notice_until": today - timedelta(days=1)},
        "objected": {"notice_until": today},
        "refused": {"notice_until": today, "reason": "Hours of another <b> person"},
        "ended": {"notice_until": today - week},
        "in_notice": {"notice_until": today + week},
        "minor": {"notice_until": today + week},
    }
    ids = {"assessment": str(assessment), "begun": str(begun)}
    for person, star, before in ((resident, 2, 1), (ward, 0, 1)):
        assert person.volunteer is not None
        stars = {"star": star, "held": before, "kept": before, "registered_on": today - week}
        row = {"holder": person.volunteer.holder, "credit_minutes": 18_060, **hers, **stars}
        await tx.execute(insert(assessed).values(row))
    for number, (state, values) in enumerate(states.items(), start=1):
        whose = (ward if state == "minor" else resident).volunteer
        assert whose is not None
        serial, told = f"S2020-{number:06d}", dict(values)
        if state in ("awarded", "ended"):
            told |= {"awarded_on": today, "serial": serial}
            ids[f"check_{state}"] = check_codes.of_certificate(SETTINGS, Certificate(book.code, serial))
        if state in ("awarded", "ended", "refused"):
            told |= {"decided_by": me.name, "decided_at": now}
        if state == "ended":
            told |= {"ended_on": today, "ended_at": now, "ended_by": me.name, "end_reason": "The hours were not hers"}
        award_id = uuid4()
        await tx.execute(
            insert(awards).values(
                book_id=book.book_id,
                award_id=award_id,
                assessment_id=assessment,
                holder=whose.holder,
                star=number,
                organisation=NORTH if state != "awarded" else None,
                state={"ready": "in_notice", "minor": "in_notice"}.get(state, state),
                proposed_by=colleague.name,
                proposed_at=now,
                notice_from=today - week,
                **held,
                **told,
            )
        )
        ids[f"award_{state}"] = str(award_id)
    await tx.execute(
        insert(award_objections).values(
            book_id=book.book_id,
            objection_id=uuid4(),
            award_id=UUID(ids["award_objected"]),
            raised_by="user:0",
            raised_at=now,
            reason="She was not there <b>at all</b>",
            due_on=today,
        )
    )
    return ids


async def _ladders(tx: AsyncConnection, book: Book, me: Principal, colleague: Principal) -> None:
    """A ladder in force, a draft of hers and one of a colleague's that changes it; something on record."""
    now = await connect.now(tx)
    tomorrow = day_of(now) + timedelta(days=1)
    levels = (*star_ladders.example("fujian").levels, Level(120_000, 21_000, 24, title="Gold <b>"))
    local = replace(NATIONAL, name="Ladder of the district", levels=levels, year_minutes=90, standing_months=36)
    for the, day, by, note in (
        (replace(NATIONAL, name=""), day_of(now) - timedelta(days=30), colleague, "First ladder of the district"),
        (replace(NATIONAL, name=""), tomorrow, me, ""),
        (local, tomorrow, colleague, "With points"),
    ):
        made = await ladders.draft(tx, book.book_id, the, effective_from=day, note=note, by=by.name, now=now)
        if made.version == 1:
            await ladders.approve(tx, book.book_id, 1, by=me.name, now=now)
    hers = (await volunteers.find(tx, book.book_id, "N0001")).holder
    for day, why in ((day_of(now), "absence"), (day_of(now) - timedelta(days=99), "misconduct")):
        mark = await marks.put(tx, book.book_id, hers, day, why, by=colleague.name, now=now)
    await marks.lift(tx, book.book_id, mark.mark_id, by=me.name, now=now)


async def _hours(tx: AsyncConnection, book: Book, resident: Person, me: Principal) -> dict[str, str]:
    """Records of hers in every state, one of them late, one objected to, and one that takes points off."""
    assert resident.volunteer is not None
    now = await connect.now(tx)
    today = day_of(now)
    reviewed = {"reviewed_by": me.name, "reviewed_at": now}
    earned = {"rule_set": 3, "points": 10, "bonus": 0, "notice_from": today, "notice_until": today}
    of_states: dict[str, dict[str, Any]] = {
        "submitted": {"due_on": today - timedelta(days=1), "forgotten": True},
        "reviewed": {"due_on": None, **reviewed},
        "in_notice": {"due_on": today, **reviewed, **earned},
        "objected": {"due_on": today, **reviewed, **earned},
        "credited": {"due_on": None, "ended_at": now, "ended_by": "room:earning", **reviewed, **earned},
        "refused": {"due_on": None, "reason": "it was a meeting", **reviewed},
        "corrected": {"due_on": None, "reason": "entered twice", **reviewed, **earned},
        "minus": {"due_on": today, "record_class": "act", **reviewed, **earned, "points": -5, "state": "in_notice"},
    }
    ids = {}
    for number, (state, values) in enumerate(of_states.items()):
        day = today - timedelta(days=number)
        given = {"state": state, "served_on": day} | values
        ids[state] = await a_record(tx, book.book_id, resident.volunteer.holder, people.NORTH, 60, **given)
    await tx.execute(
        insert(objections).values(
            book_id=book.book_id,
            objection_id=uuid4(),
            record_id=ids["objected"],
            kind="objection",
            raised_by="user:0",
            raised_at=now,
            reason="she was not there, says a neighbour",
            due_on=today,
        )
    )
    return {state: str(record_id) for state, record_id in ids.items()}


async def _proofs(tx: AsyncConnection, book: Book, resident: Person, me: Principal) -> dict[str, str]:
    """Proofs of hers: issued, corrected since, revoked, refused, and one that is overdue."""
    assert resident.volunteer is not None
    now, holder, ids = await connect.now(tx), resident.volunteer.holder, {}
    wrong = await a_record(tx, book.book_id, holder, people.NORTH, 45, state="credited", served_on=date(2020, 1, 2))
    today = day_of(now)
    for days in (50, 60):
        day = today - timedelta(days=days)
        await a_record(tx, book.book_id, holder, people.NORTH, 45, state="credited", served_on=day)
    printed = {"person_in_charge": "Wang", "handler": "Li <b>", "contact": "0531 000", "remarks": "For a school"}
    for name in ("issued", "corrected", "revoked", "refused", "waits"):
        asked, _ = await proofs.request(
            *(tx, book.book_id, holder, people.NORTH),
            from_day=None if name == "corrected" else today - timedelta(days=90),
            to_day=None,
            ladder=NATIONAL,
            by=me.name,
            now=now - timedelta(days=30),
        )
        ids[f"proof_{name}"] = str(asked.proof_id)
        if name == "refused":
            await proofs.refuse(
                *(tx, book.book_id, asked.proof_id, "Please correct your name first"), by="user:0", holder=None, now=now
            )
        elif name != "waits":
            made = await proofs.issue(
                *(tx, book.book_id, asked.proof_id), **printed, ladder=NATIONAL, by="user:0", holder=None, now=now
            )
            ids[f"token_{name}"] = check_codes.of_proof(SETTINGS, book.book_id, made)
        if name == "revoked":
            await proofs.revoke(tx, book.book_id, asked.proof_id, "Printed for another", by="user:0", now=now)
    await tx.execute(
        update(records).where(records.c.book_id == book.book_id, records.c.record_id == wrong).values(state="corrected")
    )
    return ids | {"residents_number": resident.volunteer.volunteer_no}


async def an_organisation(database: AsyncEngine, book: Book, ward: Person) -> None:
    """Members, a guardian, qualifications, somebody who has left, and an organisation that is suspended."""
    assert ward.volunteer is not None
    keys = ciphers.Keys.of(people.IDENTITY_KEYS, people.INDEX_KEYS)
    today, guardian = auth.today(), Guardian("Parent Example", "13800138009", "parent")
    async with database.begin() as tx:
        gone = await volunteers.register(tx, book.book_id, "N0004", NORTH)
        first = await volunteers.find(tx, book.book_id, "N0001")
        for holder, role in ((first.holder, "leader"), (ward.volunteer.holder, "member"), (gone.holder, "member")):
            await members.join(tx, book.book_id, NORTH, holder, role, today)
        await volunteers.leave(tx, book.book_id, "N0004", today)
        await guardians.record(tx, keys, book.book_id, "N0003", guardian, "2026-11", "room:test", auth.now())
        for name, last in (("First aid", None), ("Driving", today - timedelta(days=1))):
            passed = today - timedelta(days=9)
            await qualifications.record(tx, book.book_id, first.holder, name, passed, last, by="room:test", today=today)
        await organisations.set_status(tx, book.book_id, SOUTH, "suspended")


async def principal(database: AsyncEngine, person: Person) -> Principal:
    """Somebody as she is in her book."""
    async with database.connect() as tx:
        user = await users.with_login(tx, person.login)
        assert user is not None
        grants = await users.grants_of(tx, user.user_id, auth.today())
    return sessions.principal(user, grants, person.book.book_id, person.book.code)

"""Who may do what: every call of the API by every kind of caller, from every place. The table is the specification.

Everything that a call touches belongs to the organisation `street`, below `district`, beside `lane`. Staff of a role
are tried as those of `street` (own), of `district` (above), of `lane` (beside), of the whole book (book), and of
another book (elsewhere); volunteers, merchants, machines and tills as those of the book and of another one.

A row of `ROWS` says who may, and nobody else does::

    owner     staff of the whole book only
    owner+    and staff of the organisation and of those above it
    owner*    and staff of any organisation of the book
    user      everybody who has signed in, whatever for
    public    everybody

An address that no row is about fails the test: adding a call means adding a line here.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api import auth, keys
from ledger.access import guardians, persons, renewals, tokens, users
from ledger.access.guardians import Guardian
from ledger.access.identities import Identity
from ledger.access.rights import SCOPES, STAFF, Grant, Role
from ledger.books import integrity
from ledger.books.directory import Book
from ledger.database import connect
from ledger.days import day_of
from ledger.earning import (
    activities,
    members,
    objections,
    organisations,
    qualifications,
    record,
    records,
    volunteers,
)
from ledger.earning.activities import Plan
from ledger.recognition import awards, proofs
from ledger.recognition.ladder import NATIONAL
from ledger.spending import alarms, cases, catalogue, outlets, tickets, tills
from ledger.spending.catalogue import Item
from ledger.spending.outlets import Details
from ledger.spending.policy import Policy
from ledger.spending.tables import redemptions
from tests.api.conftest import SETTINGS, Caller, a_machine, a_user, transfer
from tests.conftest import new_book
from tests.earning.rows import a_record
from tests.recognition.awarded import a_star

Body = Callable[["World", str], Any]


@dataclass(frozen=True)
class Row:
    """One call: who may, and what is sent. `path` fills the address in; `fresh`: with callers of its own.

    `works`: it succeeds for the first who may; else what is sent is wrong on purpose, and only who may hears that.
    None: whoever asks too often waits, and all here ask from one address.
    """

    operation: str
    who: str
    body: Body | None = None
    path: Callable[[World], dict[str, Any]] = field(default=lambda _: {})
    query: str = ""
    fresh: bool = False
    works: bool | None = True

    def __str__(self) -> str:
        return self.operation


READERS: Final = "reviewer+ operator+ auditor+ owner+ books:read"
ALL_READERS: Final = "reviewer* operator* auditor* owner* books:read"
MASKED: Final = "recorder+ reviewer+ operator+ auditor+ owner+"
RENEWERS: Final = "recorder+ reviewer+ operator+"
ISSUERS: Final = "recorder+ reviewer+"
ANYBODY: Final = "volunteer merchant recorder* reviewer* operator* auditor* owner*"
"""Everybody who has signed in to the book."""
OBJECTORS: Final = ANYBODY.replace(" auditor*", "")
STAR: Final = [{"minutes": 6000}]
STAFF_READERS: Final = "recorder* reviewer* operator* auditor* owner*"
RECORD_READERS: Final = f"{STAFF_READERS} records:read"
BOOK_READERS: Final = "reviewer operator auditor owner books:read"

AN_ISSUER: Final = {"person_in_charge": "王主任", "handler": "李干事", "contact": "0531-1234567"}

ROWS: Final = [
    # operations
    Row("health", "public"),
    Row("readiness", "public"),
    Row("figures", "public"),
    Row("readProgramme", "public"),
    Row(
        "checkPassbookLine",
        "public",
        query="?book=B&passbook=x&line=1&day=2026-01-02&deposit=1&balance=1&code=x",
        works=None,
    ),
    Row("checkReceipt", "public", query="?book=B&receipt=x&day=2026-01-02&outlet=x&points=1&code=x", works=None),
    # the sealed log: of this book nothing is published
    Row("readCheckpoint", "public", works=False),
    Row("readLogKey", "public"),
    Row("readTile", "public", path=lambda w: {"tile": "0/000"}, works=False),
    Row("readTileByPrefix", "public", path=lambda w: {"tile": "0/000"}, works=False),
    Row("proveInclusion", "public", query="?index=0&size=1", works=False),
    Row("proveConsistency", "public", query="?from=1&to=1", works=False),
    Row("readEntries", "auditor", path=lambda w: {"tile": "000"}, works=False),
    Row("readEntriesByPrefix", "auditor", path=lambda w: {"tile": "000"}, works=False),
    Row("readReceipt", f"{ANYBODY} books:read", path=lambda w: {"transaction_id": w.nothing}, works=False),
    # to whom it is none of hers there is none; staff hear that it is another organisation's
    Row(
        "readReceipt",
        f"volunteer merchant recorder* {READERS}",
        path=lambda w: {"transaction_id": w.reward_posted},
    ),
    # the budget
    Row("listBudgets", ALL_READERS),
    Row("grantBudget", "owner", lambda w, n: {"year": 2026, "points": 1000, "fen": 100_000}),
    Row("shareBudget", "owner", lambda w, n: {"year": 2026, "organisation": "street", "points": 10}),
    # what auditors see
    Row("readTrialBalance", "auditor"),
    Row("searchJournal", "auditor", query="?volunteer=V-1"),
    Row("readEvidence", "auditor", path=lambda w: {"transaction_id": w.payment}),
    Row("listLooks", "auditor owner"),
    Row("readLogStatus", "auditor"),
    Row("downloadPackage", "auditor"),
    # sessions
    Row("signIn", "public", lambda w, n: {}, works=False),
    Row("refreshSession", "public", lambda w, n: {}, works=False),
    Row("signOut", "user", fresh=True),
    Row("whoAmI", "user"),
    Row("changePassword", "user", lambda w, n: {}, works=False),
    Row("listDevices", "user"),
    Row("endDevice", "user", path=lambda w: {"device_id": w.nothing}, works=False),
    Row("endAllDevices", "user", fresh=True),
    # what is her own
    Row("listConsents", "volunteer**"),
    Row("giveConsent", "volunteer**", lambda w, n: {"purpose": "public_name", "text_version": "2026-11"}),
    Row("withdrawConsent", "volunteer**", path=lambda w: {"purpose": "public_name"}),
    Row("exportMe", "volunteer**"),
    Row("listMyLapsing", "volunteer**"),
    Row("listMyHours", "volunteer**"),
    Row("readMyStars", "volunteer**"),
    Row("readMyHour", "volunteer**", path=lambda w: {"record_id": w.nothing}, works=False),
    Row("readMyPassbook", "volunteer**"),
    Row("makePayCode", "volunteer**"),
    Row("readPayCode", "volunteer**"),
    Row("listMyRedemptions", "volunteer**"),
    Row("readMyRedemption", "volunteer**", path=lambda w: {"redemption_id": w.nothing}, works=False),
    Row("confirmMyRedemption", "volunteer**", path=lambda w: {"redemption_id": w.nothing}, works=False),
    Row("declineMyRedemption", "volunteer**", path=lambda w: {"redemption_id": w.nothing}, works=False),
    Row("listMyVouchers", "volunteer**"),
    Row("buyVoucher", "volunteer**", lambda w, n: {"item": "none"}, works=False),
    Row("readMyVoucher", "volunteer**", path=lambda w: {"voucher_id": w.nothing}, works=False),
    Row("showVoucher", "volunteer**", lambda w, n: {}, lambda w: {"voucher_id": w.nothing}, works=False),
    # volunteers as persons
    Row("registerVolunteer", "recorder+ operator+", lambda w, n: {"volunteer": n, "organisation": "street"}),
    Row("registerVolunteer", "recorder operator", lambda w, n: {"volunteer": n}),
    Row("readVolunteer", MASKED, path=lambda w: {"volunteer": "V-1"}),
    Row("searchVolunteers", MASKED.replace("+", "*"), lambda w, n: {"phone": "13800138000"}),
    Row("recordIdentity", "recorder+ operator+", lambda w, n: {"name": "某人"}, lambda w: {"volunteer": "V-1"}),
    Row(
        *("revealIdentity", "reviewer+ operator+ auditor+ owner+"),
        lambda w, n: {"fields": ["name"], "reason": "核对领奖人"},
        lambda w: {"volunteer": "V-1"},
    ),
    Row("issueCard", "recorder+ operator+", path=lambda w: {"volunteer": "V-1"}),
    Row("endCard", "recorder+ operator+", path=lambda w: {"volunteer": "V-1"}),
    Row("issueTicketSheet", RENEWERS, lambda w, n: {"tickets": 1}, lambda w: {"volunteer": "V-1"}),
    Row("listTicketSheets", RENEWERS, path=lambda w: {"volunteer": "V-1"}),
    Row("endTicketSheet", RENEWERS, path=lambda w: {"volunteer": "V-1", "sheet_id": w.sheet}),
    Row("listCallBacks", "reviewer*"),
    Row(
        *("noteRedemptionCallBack", "reviewer*"),
        lambda w, n: {"confirmed": True},
        lambda w: {"redemption_id": w.nothing},
        works=False,
    ),
    Row("askForPin", RENEWERS, path=lambda w: {"volunteer": "V-1"}),
    Row("listPinRenewals", RENEWERS.replace("+", "*")),
    Row("confirmPinRenewal", RENEWERS, path=lambda w: {"renewal_id": w.renewals[0]}),
    Row("declinePinRenewal", RENEWERS, path=lambda w: {"renewal_id": w.renewals[1]}),
    Row("eraseVolunteer", "owner+", path=lambda w: {"volunteer": "V-4"}),
    Row("readAccessLog", "auditor owner"),
    # what they are to the programme
    Row("registerVolunteers", "recorder+ operator+", lambda w, n: listed(n, "street")),
    Row("registerVolunteers", "recorder operator", lambda w, n: listed(n, None)),
    Row(
        "moveVolunteer", "recorder+ operator+", lambda w, n: {"organisation": "street"}, lambda w: {"volunteer": "V-1"}
    ),
    Row("endVolunteer", "recorder+ operator+", lambda w, n: {}, lambda w: {"volunteer": "V-5"}),
    Row(
        *("takeVolunteerBack", "recorder+ operator+"),
        lambda w, n: {"organisation": "street"},
        lambda w: {"volunteer": "V-5"},
    ),
    Row(
        *("recordGuardian", "recorder+ operator+"),
        lambda w, n: {"name": "某人", "relation": "parent"},
        lambda w: {"volunteer": "V-1"},
    ),
    Row("readGuardian", MASKED, path=lambda w: {"volunteer": "V-1"}),
    Row(
        *("revealGuardian", "reviewer+ operator+ auditor+ owner+"),
        lambda w, n: {"reason": "联系监护人"},
        lambda w: {"volunteer": "V-1"},
    ),
    Row("endGuardian", "recorder+ operator+", path=lambda w: {"volunteer": "V-3"}),
    Row(
        *("recordQualification", "recorder+ operator+"),
        lambda w, n: {"name": "急救培训", "passed_on": "2026-01-02"},
        lambda w: {"volunteer": "V-1"},
    ),
    Row("listQualifications", MASKED, path=lambda w: {"volunteer": "V-1"}),
    Row(
        *("endQualification", "recorder+ operator+"),
        lambda w, n: {"name": "执业医师", "passed_on": "2026-01-02", "last_day": "2026-02-02"},
        lambda w: {"volunteer": "V-1"},
    ),
    # people
    Row("listRoles", "owner*"),
    Row("addUser", "owner+", lambda w, n: {"login": n, "role": "recorder", "organisation": "street"}),
    Row("addUser", "owner", lambda w, n: {"login": n, "role": "recorder"}),
    Row("addUser", "owner+", lambda w, n: {"login": n, "role": "volunteer", "volunteer": w.unknown_to_doors}),
    Row("addUser", "owner", lambda w, n: {"login": n, "role": "merchant", "outlet": "shop"}),
    Row("giveRole", "owner+", lambda w, n: {"login": w.somebody, "role": "owner", "organisation": "street"}),
    Row("giveRole", "owner", lambda w, n: {"login": w.somebody, "role": "owner"}),
    Row("endRole", "owner+", path=lambda w: {"role_id": w.role_of_street}),
    Row("endRole", "owner", path=lambda w: {"role_id": w.role_of_book}),
    Row("listTokens", "owner"),
    Row("makeToken", "owner", lambda w, n: {"name": n, "scopes": ["books:read"]}),
    Row("revokeToken", "owner", path=lambda w: {"token_id": w.token}),
    Row("listOrganisations", "recorder* reviewer* operator* auditor* owner*"),
    Row("addOrganisation", "owner+", lambda w, n: {"code": n, "name": n, "parent": "street"}),
    Row("addOrganisation", "owner", lambda w, n: {"code": n, "name": n}),
    Row(
        *("readOrganisation", "recorder* reviewer* operator* auditor* owner*"),
        path=lambda w: {"organisation": "street"},
    ),
    # The one above decides: here `street` is above `team`, and nobody but the whole book's above `district`.
    Row(
        *("setOrganisationStatus", "owner+"),
        lambda w, n: {"status": "active"},
        lambda w: {"organisation": "team"},
    ),
    Row(
        *("setOrganisationStatus", "owner"),
        lambda w, n: {"status": "active"},
        lambda w: {"organisation": "district"},
    ),
    Row("addMember", "recorder+ operator+", lambda w, n: {"volunteer": "V-3"}, lambda w: {"organisation": "street"}),
    Row("listMembers", MASKED, path=lambda w: {"organisation": "street"}),
    Row(
        *("setMemberRole", "recorder+ operator+"),
        lambda w, n: {"role": "leader"},
        lambda w: {"organisation": "street", "volunteer": "V-6"},
    ),
    Row("endMember", "recorder+ operator+", path=lambda w: {"organisation": "street", "volunteer": "V-6"}),
    # activities
    Row("addActivity", "recorder+", lambda w, n: an_activity("2031-01-01T09:00:00+08:00") | {"organisation": "street"}),
    Row("listActivities", RECORD_READERS),
    Row("readActivity", f"{MASKED} records:read", path=lambda w: {"activity": "A-1"}),
    Row(
        *("changeActivity", "recorder+"),
        lambda w, n: an_activity("2031-01-01T09:00:00+08:00"),
        lambda w: {"activity": "A-2"},
    ),
    Row("readActivityCode", "recorder+", path=lambda w: {"activity": "A-1"}),
    Row("listAttendances", f"{MASKED} records:read", path=lambda w: {"activity": "A-1"}),
    Row("signInByLeader", "recorder+", lambda w, n: {"volunteer": "V-2"}, lambda w: {"activity": "A-1"}),
    Row("signOutByLeader", "recorder+", path=lambda w: {"activity": "A-1", "volunteer": "V-2"}),
    Row("strikeOut", "recorder+", path=lambda w: {"activity": "A-1", "volunteer": "V-2", "pair": 1}),
    Row("closeActivity", "recorder+", lambda w, n: {"head_count": 0}, lambda w: {"activity": "A-1"}),
    Row("cancelActivity", "recorder+", path=lambda w: {"activity": "A-2"}),
    Row("signInHere", "volunteer**", lambda w, n: {"activity": "A-1", "code": "x"}, works=False),
    Row("signOutHere", "volunteer**", lambda w, n: {"activity": "A-1", "code": "x"}, works=False),
    # accounts
    Row("listBooks", "reviewer** operator** auditor** owner** books:read**"),
    Row("openAccount", "operator books:accounts", lambda w, n: account(n, "asset")),
    Row("readAccount", READERS, path=lambda w: {"code": w.wallet}),
    Row("readAccount", BOOK_READERS, path=lambda w: {"code": "cash"}),
    Row("readBalance", READERS, path=lambda w: {"code": w.wallet}),
    Row("readBalance", BOOK_READERS, path=lambda w: {"code": "cash"}),
    Row("listEntries", READERS, path=lambda w: {"code": "5100.street"}),
    Row("listEntries", BOOK_READERS, path=lambda w: {"code": "cash"}),
    Row("listLapsing", ALL_READERS),
    # stars
    Row("listStars", RECORD_READERS),
    Row("readStars", f"{MASKED} records:read", path=lambda w: {"volunteer": "V-1"}),
    Row("setAccountStatus", "operator books:accounts", lambda w, n: {"status": "open"}, lambda w: {"code": w.wallet}),
    # postings: to wallets, hours and rewards by machines only
    Row("postTransaction", "operator books:post", lambda w, n: transfer(1, "cash", "bank")),
    Row("postTransaction", "books:post", lambda w, n: w.reward()),
    Row("postBatch", "operator books:post", lambda w, n: w.batch(transfer(1, "cash", "bank"))),
    Row("postBatch", "books:post", lambda w, n: w.batch(transfer(1, "cash", "bank"), w.reward())),
    Row("reverseTransaction", "operator books:post", lambda w, n: {}, lambda w: {"transaction_id": w.payment}),
    Row("reverseTransaction", "books:post", lambda w, n: {}, lambda w: {"transaction_id": w.reward_posted}),
    Row("readTransaction", READERS, path=lambda w: {"transaction_id": w.reward_posted}),
    Row("readTransaction", BOOK_READERS, path=lambda w: {"transaction_id": w.payment}),
    # postings of two people
    Row("propose", "operator+", lambda w, n: {"transaction": w.reward()}),
    Row("propose", "operator", lambda w, n: {"transaction": transfer(1, "5100.street", "2200")}),
    Row("listProposals", ALL_READERS),
    Row("readProposal", READERS, path=lambda w: {"draft_id": w.proposals[0]}),
    Row("approveProposal", "reviewer+", path=lambda w: {"draft_id": w.proposals[0]}),
    Row("declineProposal", "reviewer+", lambda w, n: {}, lambda w: {"draft_id": w.proposals[1]}),
    Row("approveProposal", "reviewer", path=lambda w: {"draft_id": w.proposals[2]}),
    # holds
    Row("placeHold", "books:post", lambda w, n: {"account": w.wallet, "amount": 1, "expires_in": 600}),
    Row("readHold", READERS, path=lambda w: {"hold_id": w.holds[0]}),
    Row("captureHold", "books:post", lambda w, n: {"to": "2300.shop"}, lambda w: {"hold_id": w.holds[0]}),
    Row("voidHold", "operator+ books:post", path=lambda w: {"hold_id": w.holds[1]}),
    # rules
    Row("draftRules", "operator", lambda w, n: {"effective_from": "2099-01-01", "rules": {}}),
    Row("listRules", RECORD_READERS),
    Row("readRulesInForce", f"volunteer merchant {STAFF_READERS}"),
    Row("readRules", RECORD_READERS, path=lambda w: {"version": w.rules}),
    Row("decideRules", "owner", lambda w, n: {"approve": True}, lambda w: {"version": w.rules}),
    Row("withdrawRules", "operator", path=lambda w: {"version": 999}, works=False),
    Row("tryRules", RECORD_READERS, lambda w, n: {"works": [{"day": "2026-03-05"}]}, lambda w: {"version": w.rules}),
    # assessments and awards of stars
    Row("assessStars", "operator", lambda w, n: {"as_of": "2026-01-02"}),
    Row("listAssessments", RECORD_READERS),
    Row("readAssessment", RECORD_READERS, path=lambda w: {"assessment_id": w.assessment}),
    Row("listAssessed", RECORD_READERS, path=lambda w: {"assessment_id": w.assessment}),
    Row("listFalls", RECORD_READERS, path=lambda w: {"assessment_id": w.assessment}),
    Row("proposeAwards", "operator", path=lambda w: {"assessment_id": w.assessment}),
    Row("listAwards", RECORD_READERS),
    Row("readAward", f"{MASKED} records:read", path=lambda w: {"award_id": w.awards["awarded"]}),
    Row("awardStar", "reviewer+", path=lambda w: {"award_id": w.awards["ready"]}),
    Row("refuseStar", "reviewer+", lambda w, n: {"reason": "材料不齐"}, lambda w: {"award_id": w.awards["waits"]}),
    Row("endStar", "reviewer+", lambda w, n: {"reason": "时长不实"}, lambda w: {"award_id": w.awards["awarded"]}),
    Row("objectToAward", OBJECTORS, lambda w, n: {"reason": "不属实的"}, lambda w: {"award_id": w.awards["in_notice"]}),
    Row(
        "decideAwardObjection",
        "reviewer+",
        lambda w, n: {"upheld": True, "decision": "已经核实"},
        lambda w: {"objection_id": w.star_objection},
    ),
    Row("awardAll", "reviewer*", lambda w, n: {}),
    # disputed redemptions, alarms and signals
    Row("disputeRedemption", "volunteer**", lambda w, n: {}, lambda w: {"redemption_id": w.nothing}, works=False),
    Row("listCases", STAFF_READERS),
    Row("getCase", MASKED, path=lambda w: {"case_id": w.cases[0]}),
    Row("answerCase", "reviewer+", lambda w, n: {"answer": "当面刷的码"}, lambda w: {"case_id": w.cases[0]}),
    Row(
        "proposeDecision",
        "reviewer+",
        lambda w, n: {"upheld": True, "reason": "已经核实"},
        lambda w: {"case_id": w.cases[0]},
    ),
    Row("decideCase", "reviewer+", lambda w, n: {"agree": True}, lambda w: {"case_id": w.cases[1]}, works=False),
    Row("listAlarms", STAFF_READERS),
    Row("seeAlarm", "reviewer+ operator+", path=lambda w: {"alarm_id": w.alarm}),
    Row("listSignals", STAFF_READERS),
    # proofs of service
    Row("checkProof", "public", path=lambda w: {"token": "none"}, works=None),
    Row("requestProof", "volunteer**", lambda w, n: {"organisation": "none"}, works=False),
    Row("listMyProofs", "volunteer**"),
    Row("listMyOrganisers", "volunteer**"),
    Row("readMyProof", "volunteer**", path=lambda w: {"proof_id": w.nothing}, works=False),
    Row("withdrawProof", "volunteer**", path=lambda w: {"proof_id": w.nothing}, works=False),
    Row("requestProofFor", RENEWERS, lambda w, n: {"volunteer": "V-1", "organisation": "street"}),
    Row("listProofs", RECORD_READERS),
    Row("listWaitingProofs", RECORD_READERS),
    Row("readProof", f"{MASKED} records:read", path=lambda w: {"proof_id": w.proofs[0]}),
    Row("issueProof", ISSUERS, lambda w, n: AN_ISSUER, lambda w: {"proof_id": w.proofs[0]}),
    Row("refuseProof", ISSUERS, lambda w, n: {"reason": "请先核对"}, lambda w: {"proof_id": w.proofs[1]}),
    Row("revokeProof", ISSUERS, lambda w, n: {"reason": "印错了姓名"}, lambda w: {"proof_id": w.proofs[2]}),
    # outlets and tills
    Row("listOutlets", STAFF_READERS),
    Row("addOutlet", "operator+", lambda w, n: an_outlet("street") | {"code": n}),
    Row("readOutlet", f"{MASKED} merchant", path=lambda w: {"outlet": "shop"}),
    Row("changeOutlet", "operator+", lambda w, n: an_outlet("street"), lambda w: {"outlet": "shop"}),
    Row("setOutletStatus", "operator+", lambda w, n: {"status": "open"}, lambda w: {"outlet": "shop"}),
    Row("listNearOutlets", "user"),
    Row("listTills", f"{MASKED} merchant", path=lambda w: {"outlet": "shop"}),
    Row("inviteTill", "operator+", lambda w, n: {"name": n}, lambda w: {"outlet": "shop"}),
    Row("revokeTill", "operator+ merchant", path=lambda w: {"till": w.old_till}),
    Row("bindTill", "public", lambda w, n: {}, works=False),
    Row("readClerk", "till**"),
    Row("clerkOn", "till**", lambda w, n: {}, works=False),
    Row("clerkOff", "till**"),
    # at the till
    Row("quote", "till**", lambda w, n: {"code": "1", "lines": [{"item": "G-1", "quantity": 1}]}, works=False),
    Row("redeem", "till**", lambda w, n: {"code": "1", "lines": [{"item": "G-1", "quantity": 1}]}, works=False),
    Row("readRedemptionByKey", "till**", path=lambda w: {"key": "never"}, works=False),
    Row("readRedemption", "till**", path=lambda w: {"redemption_id": uuid4()}, works=False),
    Row("cancelRedemption", "till**", path=lambda w: {"redemption_id": uuid4()}, works=False),
    Row(
        "refundRedemption",
        "till**",
        lambda w, n: {"lines": [{"line": 0, "quantity": 1}]},
        lambda w: {"redemption_id": uuid4()},
        works=False,
    ),
    # the catalogue, stock and households
    Row("listItems", f"{STAFF_READERS} merchant"),
    Row("addItem", "operator", lambda w, n: an_item() | {"item": n, "kind": "goods", "points": 5}),
    Row("readItem", f"{STAFF_READERS} merchant", path=lambda w: {"item": "G-1"}),
    Row("changeItem", "operator", lambda w, n: an_item(), lambda w: {"item": "G-1"}),
    Row("listPrices", f"{STAFF_READERS} merchant", path=lambda w: {"item": "G-1"}),
    Row("setPrice", "operator", lambda w, n: {"points": 5}, lambda w: {"item": "G-1"}),
    Row("listOffers", f"{MASKED} merchant", path=lambda w: {"outlet": "shop"}),
    Row("offerItem", "operator+", lambda w, n: {"item": "G-1", "supply": "stock"}, lambda w: {"outlet": "shop"}),
    Row(
        *("switchOffer", "operator+"),
        lambda w, n: {"offered": True},
        lambda w: {"outlet": "shop", "item": "G-1"},
    ),
    Row("readStock", f"{MASKED} merchant", path=lambda w: {"outlet": "shop"}),
    Row("listMoves", f"{MASKED} merchant", path=lambda w: {"outlet": "shop"}),
    Row(
        *("receiveGoods", "operator+"),
        lambda w, n: {"item": "G-1", "pieces": 1, "origin": "donated"},
        lambda w: {"outlet": "shop"},
    ),
    Row(
        *("countGoods", "operator+"),
        lambda w, n: {"items": [{"item": "G-1", "found": 3}], "reason": "数过三遍"},
        lambda w: {"outlet": "shop"},
    ),
    Row("readHousehold", MASKED, path=lambda w: {"volunteer": "V-1"}),
    Row("joinHousehold", "operator+", lambda w, n: {"household": "F-1"}, lambda w: {"volunteer": "V-1"}),
    Row("leaveHousehold", "operator+", path=lambda w: {"volunteer": "V-1"}),
    # the limits of spending
    Row("draftLimits", "operator", lambda w, n: {"effective_from": "2099-01-01", "policy": {}}),
    Row("listLimits", STAFF_READERS),
    Row("readLimitsInForce", f"volunteer merchant {STAFF_READERS}"),
    Row("readLimits", STAFF_READERS, path=lambda w: {"version": w.limits}),
    Row("decideLimits", "owner", lambda w, n: {"approve": True}, lambda w: {"version": w.limits}),
    Row("withdrawLimits", "operator", path=lambda w: {"version": 999}, works=False),
    # what is on record against somebody
    Row("listMarks", f"{MASKED} records:read", path=lambda w: {"volunteer": "V-1"}),
    Row(
        *("putMark", "reviewer+"),
        lambda w, n: {"why": "absence", "marked_on": "2026-01-05"},
        lambda w: {"volunteer": "V-1"},
    ),
    Row("liftMark", "reviewer+", path=lambda w: {"volunteer": "V-1", "mark_id": w.nothing}, works=False),
    # star ladders
    Row(
        "draftLadder", "operator", lambda w, n: {"effective_from": "2099-01-01", "ladder": {"levels": [{"minutes": 6}]}}
    ),
    Row("listLadders", RECORD_READERS),
    Row("readLadderInForce", f"volunteer merchant {STAFF_READERS}"),
    Row("listLadderExamples", RECORD_READERS),
    Row("readLadder", RECORD_READERS, path=lambda w: {"version": w.ladder}),
    Row(
        *("readLadderEffect", "recorder reviewer operator auditor owner records:read"),
        path=lambda w: {"version": w.ladder},
    ),
    Row("decideLadder", "owner", lambda w, n: {"approve": True}, lambda w: {"version": w.ladder}),
    Row("withdrawLadder", "operator", path=lambda w: {"version": 999}, works=False),
    # targets and honours
    Row("setTarget", "operator+", lambda w, n: a_target(n, "street")),
    Row("setTarget", "operator", lambda w, n: a_target(n, None)),
    Row("listTargets", RECORD_READERS),
    Row("endTarget", "operator+", lambda w, n: {"last_year": w.year}, lambda w: {"target": "T-1"}),
    Row("readTargetProgress", f"{MASKED} records:read", path=lambda w: {"target": "T-1"}),
    Row("proposeReached", "operator+", lambda w, n: {"target": "T-1", "year": w.year}),
    Row("proposeHonour", "operator+", lambda w, n: {"year": w.year, "name": n, "volunteer": "V-1"}),
    Row("proposeHonour", "operator+", lambda w, n: {"year": w.year, "name": n, "organisation": "street"}),
    Row("listHonours", RECORD_READERS),
    Row("decideHonours", "reviewer+", lambda w, n: {"honours": [w.honours[0]], "give": True}),
    Row("endHonour", "reviewer+", path=lambda w: {"honour_id": w.honours[1]}),
    Row("listMyTargets", "volunteer**"),
    Row("listMyHonours", "volunteer**"),
    # public boards
    Row("listBoards", "public"),
    Row("readBoard", "public", path=lambda w: {"board_id": w.board}),
    Row("readMyBoards", "volunteer**"),
    Row("previewBoard", "operator+", lambda w, n: a_board("street")),
    Row("publishBoard", "operator+", lambda w, n: a_board("street")),
    Row("publishBoard", "operator", lambda w, n: a_board(None)),
    Row("listPublishedBoards", "operator*"),
    Row("withdrawBoard", "operator+", path=lambda w: {"board_id": w.board}),
    # other platforms
    Row("pushRecords", "records:post", lambda w, n: {"records": []}),
    Row("submitRecord", "recorder+", lambda w, n: a_backfill(n)),
    Row("listRecords", RECORD_READERS),
    Row("readRecord", f"{MASKED} records:read", path=lambda w: {"record": "M-waits"}),
    Row("listReviews", "reviewer*"),
    Row("reviewRecords", "reviewer+", lambda w, n: {"records": ["M-reviewed"], "accept": True}),
    Row("noteCallBack", "reviewer+", lambda w, n: {"confirmed": True}, lambda w: {"record": "M-drawn"}),
    Row("listOverdue", RECORD_READERS),
    Row("objectToRecord", OBJECTORS, lambda w, n: {"reason": "不属实的"}, lambda w: {"record": "M-notice"}),
    Row("proposeCorrection", "reviewer+", lambda w, n: {"reason": "不属实的"}, lambda w: {"record": "M-wrong"}),
    Row("listObjections", "reviewer*"),
    Row(
        *("decideObjection", "reviewer+"),
        lambda w, n: {"upheld": False, "reason": "已核实过"},
        lambda w: {"objection_id": w.objection},
    ),
    Row("listNotices", ANYBODY, query="?organisation=street"),
    # tills: the body is missing, since it is no JSON
    Row("readFrame", "till**", works=False),
    # periods
    Row("readClosed", ALL_READERS),
    Row("closePeriod", "operator books:periods", path=lambda w: {"period": "2020-01"}),
    Row("reopenPeriod", "operator books:periods", path=lambda w: {"period": "2020-01"}),
]


# --- the callers ------------------------------------------------------------------------------------------------------

PLACES: Final = ("own", "above", "beside", "book", "elsewhere")
REACHED: Final = {"": {"book"}, "+": {"own", "above", "book"}, "*": {*PLACES} - {"elsewhere"}, "**": {*PLACES}}
USERS: Final = ("volunteer", "merchant", *sorted(STAFF))
KINDS: Final = ("nobody", *USERS, *SCOPES, "till")


def allowed(who: str) -> set[tuple[str, str]]:
    """The callers, by kind and place, of whom a row says that they may."""
    found = set()
    for word in who.split():
        kind = word.rstrip("+*")
        if word == "public":
            found |= set(itertools.product(KINDS, PLACES))
        elif word == "user":
            found |= set(itertools.product(USERS, PLACES))
        else:
            assert kind in KINDS, word
            found |= {(kind, place) for place in REACHED[word.removeprefix(kind)]}
    return found


def listed(number: str, organisation: str | None) -> dict[str, Any]:
    return {"volunteers": [{"volunteer": number, "organisation": organisation}]}


def account(code: str, account_class: str) -> dict[str, str]:
    return {"code": code, "name": code, "class": account_class, "unit": "PT"}


def a_target(code: str, organisation: str | None) -> dict[str, Any]:
    return {"target": code, "name": "二十小时", "kind": "year_hours", "amount": 1200, "organisation": organisation}


def a_board(organisation: str | None) -> dict[str, Any]:
    return {"kind": "hours", "from_day": "2026-01-01", "to_day": "2026-01-31", "organisation": organisation}


def an_activity(starts_at: str) -> dict[str, str]:
    ends_at = starts_at.replace("T09", "T12")
    return {"name": "清洁", "category": "环保", "place": "湖边", "starts_at": starts_at, "ends_at": ends_at}


def an_item() -> dict[str, Any]:
    return {"name": "香皂", "quotas": [{"by": "person", "times": 2, "per": "month"}]}


def an_outlet(organisation: str) -> dict[str, str]:
    return {"name": "爱心驿站", "kind": "care_station", "organisation": organisation}


def a_backfill(number: str, hour: int = 20) -> dict[str, str]:
    """Hours of the volunteer for the organisation, entered afterwards."""
    return {
        "record": number,
        "volunteer": "V-1",
        "organisation": "street",
        "class": "honour",
        "check_in": f"2026-01-02T{hour:02}:00:00+08:00",
        "check_out": f"2026-01-02T{hour:02}:30:00+08:00",
        "evidence": "照片",
    }


@dataclass
class World:
    """A book with organisations, a volunteer, postings, proposals and holds, and another book."""

    database: AsyncEngine
    http: httpx.AsyncClient
    book: Book
    other: Book
    addresses: dict[str, tuple[str, str]]
    callers: dict[tuple[str, str], Caller]
    wallet: str = ""
    unknown_to_doors: str = "V-2"
    somebody: str = ""
    role_of_street: int = 0
    role_of_book: int = 0
    token: int = 0
    old_till: int = 0
    payment: str = ""
    reward_posted: str = ""
    proposals: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    renewals: list[str] = field(default_factory=list)
    rules: int = 0
    limits: int = 0
    ladder: int = 0
    board: str = ""
    honours: list[str] = field(default_factory=list)
    year: int = 0
    sheet: str = ""
    cases: list[str] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    alarm: str = ""
    assessment: str = ""
    awards: dict[str, str] = field(default_factory=dict)
    star_objection: str = ""
    nothing: str = "00000000-0000-4000-8000-000000000000"

    def reward(self) -> dict[str, Any]:
        """Points of the organisation for its volunteer."""
        return transfer(1, "5100.street", self.wallet)

    def batch(self, *bodies: dict[str, Any]) -> dict[str, Any]:
        return {"mode": "each", "transactions": [body | {"key": secrets.token_hex(8)} for body in bodies]}

    async def everybody(self) -> dict[tuple[str, str], Caller]:
        """A caller of every kind from every place where there are such."""
        found = {("nobody", "book"): Caller(self.http, self.book.code, "")}
        for place, book in (("book", self.book), ("elsewhere", self.other)):
            number = f"W{secrets.token_hex(4)}"
            async with self.database.begin() as tx:
                await volunteers.register(tx, book.book_id, number)
            found["volunteer", place] = await self._user(book, Grant("volunteer", volunteer_no=number))
            found["merchant", place] = await self._user(book, Grant("merchant", outlet="shop"))
            for scope in SCOPES:
                prefixes = ("*",) if scope == "books:post" else ()
                found[scope, place] = await a_machine(self.http, self.database, book, [scope], prefixes)
            found["till", place] = await self._till(book)
            for role in STAFF:
                found[role, place] = await self._staff(book, role, None)
        for place, organisation in (("own", "street"), ("above", "district"), ("beside", "lane")):
            for role in STAFF:
                found[role, place] = await self._staff(self.book, role, organisation)
        return found

    async def _staff(self, book: Book, role: Role, organisation: str | None) -> Caller:
        return await self._user(book, Grant(role, organisation, until=auth.today() + timedelta(days=1)))

    async def _user(self, book: Book, grant: Grant) -> Caller:
        return await a_user(self.http, self.database, book, grant)

    async def _till(self, book: Book) -> Caller:
        async with self.database.begin() as tx:
            made, secret = await tokens.make(
                *(tx, book.book_id, "till"),
                outlet="shop",
                by="room:test",
                now=auth.now(),
                lifetime=timedelta(days=1),
            )
            await tills.bound(tx, book.book_id, made.token_id, "shop", made.name)
        self.old_till = self.old_till or made.token_id  # the first one, which no caller has: see `furnish`
        return Caller(self.http, book.code, secret)

    async def _disputed(self, tx: AsyncConnection, holder: str, now: datetime) -> None:
        """Two redemptions that the volunteer says were not hers, and the alarms about them."""
        book = self.book.book_id
        await tills.bound(tx, book, 999_999, "shop", "收银")
        for _ in range(2):
            redemption_id = uuid4()
            await tx.execute(
                insert(redemptions).values(
                    book_id=book,
                    redemption_id=redemption_id,
                    outlet="shop",
                    till=999_999,
                    holder=holder,
                    means="card",
                    status="done",
                    points=0,
                    word="山水",
                    day=day_of(now),
                    made_at=now,
                )
            )
            made = await cases.dispute(tx, book, holder, redemption_id, by="user:0", now=now, policy=Policy())
            self.cases.append(str(made.case_id))
        self.alarm = str((await alarms.listed(tx, book))[0].alarm_id)

    async def _asked(self, tx: AsyncConnection, number: str, *, issued: bool = False) -> None:
        """A proof of service that a volunteer has asked for, or has got."""
        book, now = self.book.book_id, await connect.now(tx)
        holder = (await volunteers.find(tx, book, number)).holder
        await a_record(tx, book, holder, "street", state="credited", due_on=None)
        asked, _ = await proofs.request(
            *(tx, book, holder, "street"), from_day=None, to_day=None, ladder=NATIONAL, by="room:test", now=now
        )
        if issued:
            printed = AN_ISSUER | {"remarks": ""}
            await proofs.issue(
                tx, book, asked.proof_id, **printed, ladder=NATIONAL, by="room:test", holder=None, now=now
            )
        self.proofs.append(str(asked.proof_id))

    async def _starred(self, tx: AsyncConnection, holder: str) -> None:
        """Stars of the volunteer: awarded, objected to, and three whose notice is over."""
        book = self.book.book_id
        for star, name in enumerate(("awarded", "objected", "in_notice", "ready", "waits"), 1):
            state = name if star < 3 else "in_notice"
            self.awards[name] = str(await a_star(tx, book, holder, star, "street", state))
        self.assessment = str((await awards.find(tx, book, UUID(self.awards["awarded"]))).assessment_id)
        [raised] = await awards.objections_of(tx, book, UUID(self.awards["objected"]))
        self.star_objection = str(raised.objection_id)

    async def furnish(self) -> None:
        """Puts there what the calls are about."""
        database, book = self.database, self.book
        async with database.begin() as tx:
            await organisations.add(tx, book.book_id, "district", "区")
            for code in ("street", "lane"):
                await organisations.add(tx, book.book_id, code, code, "district")
            await organisations.add(tx, self.other.book_id, "street", "街道")
            for of in (book, self.other):
                await outlets.add(tx, of.book_id, "shop", Details("店", "caring_merchant", "street"))
            soap = Item("G-1", "香皂", "goods", 5, date(2026, 1, 1))
            await catalogue.add(tx, book.book_id, soap, by="room:test", now=await connect.now(tx))
            await catalogue.offer(tx, book.book_id, "shop", "G-1", "stock")
            her = await volunteers.register(tx, book.book_id, "V-1", "street")
            await volunteers.register(tx, book.book_id, self.unknown_to_doors, "street")
            await organisations.add(tx, book.book_id, "team", "队", "street")
            now = await connect.now(tx)
            for code, starts_at in (("A-1", now), ("A-2", now + timedelta(days=9))):
                plan = Plan("清洁", "环保", "湖边", starts_at, starts_at + timedelta(hours=3))
                await activities.add(tx, book.book_id, "street", plan, code=code, by="room:test", now=now)
            for number_of_hers in ("V-3", "V-4", "V-5", "V-6"):
                await volunteers.register(tx, book.book_id, number_of_hers, "street")
            now = auth.now()
            personal = keys.personal(SETTINGS)
            for number_of_hers in ("V-1", "V-3"):
                minor = await volunteers.find(tx, book.book_id, number_of_hers)
                who = Identity("某人", born=date(2015, 1, 2))
                await persons.record(tx, personal, book.book_id, number_of_hers, minor.holder, who, "room:test", now)
                parent = Guardian("某某", None, "parent")
                await guardians.record(tx, personal, book.book_id, number_of_hers, parent, None, "room:test", now)
            passed = date(2026, 1, 2)
            await qualifications.record(
                tx, book.book_id, her.holder, "执业医师", passed, None, by="room:test", today=passed
            )
            at_once = await tickets.issue(
                tx, book.book_id, her.holder, [secrets.token_bytes(32)], by="room:test", now=now, policy=Policy()
            )
            self.sheet = str(at_once.sheet_id)
            await self._disputed(tx, her.holder, now)
            for number_of_hers in ("V-1", "V-3", "V-6"):
                await self._asked(tx, number_of_hers, issued=number_of_hers == "V-6")
            await self._starred(tx, her.holder)
            member = await volunteers.find(tx, book.book_id, "V-6")
            await members.join(tx, book.book_id, "street", member.holder, "member", passed)
            for number_of_hers in ("V-1", "V-3", "V-4"):
                user = await users.create(tx, None)
                await users.give(
                    tx, user.user_id, book.book_id, Grant("volunteer", volunteer_no=number_of_hers), "room:test"
                )
            for number_of_hers in ("V-3", "V-4"):
                asked = await renewals.ask(tx, book.book_id, number_of_hers, "room:test", auth.now())
                self.renewals.append(str(asked.renewal_id))
            for number in (0, 1):
                user = await users.create(tx, f"m{number}-{book.code}")
                grant = Grant("recorder", "street" if number == 0 else None)
                role = await users.give(tx, user.user_id, book.book_id, grant, "room:test")
                self.role_of_street, self.role_of_book = (role, 0) if number == 0 else (self.role_of_street, role)
            self.somebody = f"m0-{book.code}".lower()
            made, _ = await tokens.make(
                *(tx, book.book_id, "old"),
                scopes=["books:read"],
                by="room:test",
                now=auth.now(),
                lifetime=timedelta(days=1),
            )
        self.wallet, self.token = her.account("2100"), made.token_id
        machine = await a_machine(self.http, database, book)
        for code, account_class in (
            *(("5100.street", "expense"), ("2200", "liability")),
            *(("cash", "asset"), ("bank", "asset")),
        ):
            assert (await machine.post("/accounts", account(code, account_class))).status_code == 201
        self.payment = (await machine.post("/transactions", transfer(5, "cash", "bank"), "k1")).json()["id"]
        self.reward_posted = (await machine.post("/transactions", self.reward(), "k2")).json()["id"]
        await machine.post("/transactions", transfer(100, "5100.street", self.wallet), "k3")
        clerk = await a_user(self.http, database, book, Grant("operator"))
        for key, body in (
            *(("p1", self.reward()), ("p2", self.reward())),
            ("p3", transfer(1, "5100.street", "2200")),
        ):
            answer = await clerk.post("/proposals", {"transaction": body}, key)
            assert answer.status_code == 201, answer.text
            self.proposals.append(answer.json()["id"])
        drafted = await clerk.post("/rule-sets", {"effective_from": "2026-01-01", "rules": {}})
        self.rules = drafted.json()["version"]
        drafted = await clerk.post("/policies", {"effective_from": "2026-01-01", "policy": {}})
        self.limits = drafted.json()["version"]
        drafted = await clerk.post("/ladders", {"effective_from": "2026-01-01", "ladder": {"levels": STAR}})
        self.ladder = drafted.json()["version"]
        self.board = (await clerk.post("/boards", a_board("street") | {"kind": "stars"})).json()["id"]
        await self._honoured(clerk)
        for key in ("h1", "h2"):
            body = {"account": self.wallet, "amount": 1, "expires_in": 86400}
            self.holds.append((await machine.post("/holds", body, key)).json()["id"])

        await self._till(book)
        await self.hand_in()

    async def _honoured(self, clerk: Caller) -> None:
        """A target, an honour that waits and one that was given."""
        self.year = auth.today().year
        assert (await clerk.post("/targets", a_target("T-1", "street"))).status_code == 201
        for name in ("waits", "given"):
            made = await clerk.post("/honours", {"year": self.year, "name": name, "volunteer": "V-1"})
            self.honours.append(made.json()["id"])
        reviewer = await a_user(self.http, self.database, self.book, Grant("reviewer"))
        given = await reviewer.post("/honours/decisions", {"honours": self.honours[1:], "give": True})
        assert given.json()["outcomes"][0]["state"] == "given"

    async def hand_in(self) -> None:
        """Records that wait, that are drawn for a call-back, and that are in notice, one of them objected to."""
        book = self.book.book_id
        clerk = await a_user(self.http, self.database, self.book, Grant("recorder"))
        for hour, name in enumerate(("waits", "reviewed", "drawn", "notice", "wrong", "objected"), 8):
            answer = await clerk.post("/records", a_backfill(f"M-{name}", hour))
            assert answer.status_code == 201, answer.text
        async with self.database.begin() as tx:
            now = await connect.now(tx)
            drawn = await records.find(tx, book, "M-drawn")
            await record.change(tx, book, [replace(drawn, call_back="due")])
            found = [(await records.find(tx, book, f"M-{name}")).record_id for name in ("notice", "wrong", "objected")]
            await records.review(tx, book, found, by="room:test", holder=None, accept=True, now=now)
            raised = await objections.raise_(
                tx, book, found[2], by="room:neighbour", holder=None, reason="不属实的", now=now
            )
        self.objection = str(raised.objection_id)

    async def send(self, row: Row, caller: Caller) -> httpx.Response:
        """The answer to one call of a row: always about this book, whoever calls."""
        method, address = self.addresses[row.operation]
        address = address.format(book=self.book.code, **row.path(self)) + row.query
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        if caller.token:
            headers["Authorization"] = f"Bearer {caller.token}"
        body = row.body(self, f"n{secrets.token_hex(6)}") if row.body is not None else None
        return await self.http.request(method, address, json=body, headers=headers)


def addresses_of(application: Litestar) -> dict[str, tuple[str, str]]:
    """Every call that the application answers to programs, by its name: method and address."""
    found = {}
    for route in application.routes:
        assert isinstance(route, HTTPRoute)
        address = route.path
        for component in route.path_components:
            if not isinstance(component, str):
                address = address.replace(component.full, component.name)
        for method, (handler, _) in route.route_handler_map.items():
            if method not in ("OPTIONS", "HEAD") and handler.resolve_include_in_schema() and handler.operation_id:
                assert isinstance(handler.operation_id, str)
                found[handler.operation_id] = (str(method), address)
    return found


@pytest.fixture(scope="module")
async def world(application: Litestar, http: httpx.AsyncClient, database: AsyncEngine) -> AsyncIterator[World]:
    book, other = await new_book(database), await new_book(database)
    made = World(database, http, book, other, addresses_of(application), {})
    await made.furnish()
    made.callers = await made.everybody()
    yield made
    assert await integrity.check(database, book.book_id) == []
    assert await integrity.check(database, other.book_id) == []


async def test_every_call_of_the_api_stands_in_the_table(application: Litestar) -> None:
    assert {row.operation for row in ROWS} == set(addresses_of(application))


async def test_every_address_of_the_api_has_a_name_and_a_description(application: Litestar) -> None:
    described = set(application.openapi_schema.paths or {})
    addresses = {address for _, address in addresses_of(application).values()}
    assert addresses == described
    assert {route.path_format for route in application.routes if route.path.startswith("/api/")} <= described


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.operation}-{n}" for n, row in enumerate(ROWS)])
async def test_only_those_may_of_whom_the_table_says_so(world: World, row: Row) -> None:
    may = allowed(row.who)
    callers = await world.everybody() if row.fresh else world.callers
    wrong, worked = [], 0
    # First those who may not: after those who may it might no longer be there.
    for kind, place in sorted(callers, key=lambda each: (each in may, each)):
        answer = await world.send(row, callers[kind, place])
        refused = answer.status_code in (401, 403)
        if answer.status_code >= 500 or refused == ((kind, place) in may):
            wrong.append(f"{kind} ({place}): {answer.status_code} {answer.text[:200]}")
        if refused and answer.status_code != (401 if kind == "nobody" else 403):
            wrong.append(f"{kind} ({place}): refused with {answer.status_code}")
        worked += answer.is_success
    assert not wrong, "\n".join([f"{row.operation}, of which {row.who!r} is said:", *wrong])
    assert row.works is None or bool(worked) == row.works


async def test_an_auditor_writes_nothing_but_what_is_her_own(world: World) -> None:
    """Of all calls that write, an auditor's are those to her own account, and some that only show or compute."""
    reads = {"searchVolunteers", "revealIdentity", "revealGuardian", "tryRules"}
    hers = {row.operation for row in ROWS if row.who in ("user", "public")}
    auditor = world.callers["auditor", "book"]
    written = []
    for row in ROWS:
        method, _ = world.addresses[row.operation]
        if method == "GET" or row.operation in hers | reads:
            continue
        answer = await world.send(row, auditor)
        if answer.status_code != 403:
            written.append(f"{row.operation}: {answer.status_code}")
    assert not written, "\n".join(written)

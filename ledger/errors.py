"""Every refusal and fault of the domain: facts as attributes, no HTTP statuses, no sentences for users.

::

    Refusal                         a rule says no; an answer, not an accident
    ├── Malformed                   wrong whatever the balances are: the call itself has to be mended
    │   ├── InvalidField            one field is not what it must be
    │   ├── TooManyLines            more than 400 lines
    │   ├── Unbalanced              debits and credits of one unit differ
    │   ├── KeyNotConsecutive       a file's lines of one key do not stand together
    │   ├── UnreadableSheet         a sheet cannot be read as a whole
    │   ├── BadTime  DuplicateRecord  why a line of a sheet is not taken
    │   ├── CodeMistyped            digits that are no code of ours
    │   ├── UnitMismatch            a line names another unit than its account's
    │   ├── NotTheChart             an account of the chart with another floor than the chart's
    │   ├── CannotReverse           a reversal, a hold or its end is itself not reversed
    │   ├── CannotHold              the account has no companion to hold in
    │   └── AboveHold               more is captured than is held
    ├── Unknown                     names something that is not there
    │   ├── UnknownBook  UnknownUnit  UnknownAccount  UnknownTransaction  UnknownVolunteer  UnknownHold
    │   ├── UnknownMember  UnknownQualification  UnknownGuardian  UnknownActivity
    │   ├── UnknownRecord  UnknownImport  UnknownItem  UnknownObjection  UnknownRuleSet
    │   ├── UnknownOutlet  UnknownTill  UnknownGoods  UnknownRedemption  UnknownQuote  UnknownCase  UnknownVoucher
    │   ├── UnknownPolicy  UnknownAlarm  UnknownSheet
    │   ├── UnknownLadder  UnknownAssessment  UnknownAward  UnknownMark  UnknownProof  UnknownBoard  UnknownTarget
    │   ├── UnknownHonour
    │   ├── UnknownOrganisation  UnknownDraft  UnknownUser  UnknownRole  UnknownDevice  UnknownToken  UnknownRenewal
    │   ├── NotPublished            a log's checkpoints do not reach that far yet
    │   └── UnknownPerson           nobody's identity is recorded under that volunteer number
    ├── Taken                       that name is in use for something else
    │   ├── BookExists  UnitExists  UserExists  AccountExists  VolunteerExists  OrganisationExists  NumberHasUser
    │   ├── AlreadyMember  ActivityExists  OutletExists  GoodsExist  OfferExists  TargetExists
    │   ├── HonourExists
    │   └── IdentityTaken           another volunteer has that identity number
    ├── EffectiveDayOutOfRange      before the book's first day or after today
    ├── IdempotencyConflict         the key stands for another call
    ├── StateRefusal                decided on the state of the books: stored under its key, stays refused
    │   ├── InsufficientBalance  AccountFrozen  AccountClosed  AmountOutOfRange  PeriodClosed
    │   ├── AlreadyReversed  AlreadyRefunded  RefundTooLarge
    │   ├── HoldEnded  HoldExpired
    │   ├── CodeNotValid  CodeUsed  CodeElsewhere  TooManyQuotes  TillLocked    why a code buys nothing
    │   ├── NotEnoughPoints  NotOffered  SoldOut  OverQuota  NotEligible  OverLimit     why it is not redeemed
    │   ├── StockChanged                something was sold while it was counted
    │   ├── QuoteOver  NotWaiting       a quote or a confirmation comes too late
    │   ├── NotCancellable  NotRefundable  RedemptionDisputed  TooLateToDispute  NotDisputable  why it is not undone
    │   └── VoucherNotValid             a voucher that was used, or has expired
    ├── OrganisationInactive  VolunteerLeft  EndNotAfterStart  LongerThanADay  InTheFuture  NeedsSecondPerson
    ├── OutletClosed                no till is bound to it
    ├── TillCodeNotValid            the code with which a device becomes a till
    ├── OpeningDiffers              other hours of hers were carried over before
    ├── RecordDiffers  OverlapsAnotherRecord        why a service record is not taken
    ├── NotTheirTurn  CallBackDue   a record is not in the state for it
    ├── ObjectionOpen  NoticeOver   why nobody objects to a record now
    ├── BudgetBelowIssued           more has been issued than shall be granted
    ├── AccountNotEmpty             an account is closed at zero only
    ├── PeriodNotOver  PeriodOutOfOrder  SuspenseNotZero    why a month is not closed or reopened
    ├── ActivityCancelled  ActivityClosed  ActivityBegun  ActivityNotUnderWay   when an activity lets nothing happen
    ├── NoInsurance  CodeStale  StruckOut  TrainingNeeded  AlreadySignedIn  TooManyPairs  ActivityFull  TooManyByLeader
    │                               why nobody, or not she, is signed in
    ├── NotSignedIn  HeadCountDiffers           why she is not signed out, why an activity is not closed
    ├── AlreadyProposed  NotProposed            a case waits for the second person, or for the first
    ├── AlreadyDecided              what waited for a second person waits no more
    ├── AssessmentUnfinished        there are no candidates yet
    ├── StillInNotice  AwardObjected  NotTheCertifier   why a star is not awarded now, or not by them
    ├── NotTheOrganiser  NothingToProve         why no proof of service is issued
    ├── TargetMissed                an honour is not given for what has been corrected since
    ├── BeginsTooEarly              rules are made for days that have not come yet
    ├── SearchTooWide               what is looked for in the journal is rare in it, and no days were said
    ├── ReservedKind                only a room posts transactions of this kind
    ├── NeedsApproval               nobody posts that alone: propose it
    ├── SecondPersonNeeded          who asked for it cannot also approve it
    ├── StillKnown                  a volunteer is forgotten when her personal data are erased
    ├── TooYoung  GuardianConsentNeeded  CompanyNeeded      what stands before a minor's service
    ├── WrongPassword               login and password do not belong together
    ├── TooManyAttempts             wrong too often from here: wait
    ├── TooManyFrames               a till sends its pictures too quickly, or has looked for a code for too long
    ├── ChangeNeeded                somebody else has seen this password: change it first
    ├── SessionEnded                no valid session: sign in (again)
    └── NotAllowed                  this user may not do that
    Fault                           the surroundings are not as they must be
    ├── SettingInvalid  PortTaken  CannotListen  DemoNeedsOwnServer
    ├── DataFolderInUse  DataFolderUnusable  OtherMajorVersion  ServerWouldNotStart  TooBusy
    ├── CannotDecrypt               stored personal data do not open: another key, or changed by somebody
    ├── NothingPublished  FolderNotEmpty  CannotWrite   why no package is written
    ├── LogDamaged                  leaves of a sealed log, or what is kept of them, are missing
    ├── LogRolledBack  LogInconsistent  why a log is not signed: it does not begin with what was signed before
    ├── SignerUnusable              where the signer keeps what it has signed cannot be read or written
    └── DatabaseUnreachable  DatabaseRefused  DatabaseTooOld  OwnerMayNotServe  SchemaBehind  SchemaAhead
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import ClassVar
from uuid import UUID


class _Facts(Exception):
    """An exception that is its facts: its message lists them, so that a log line tells the whole story."""

    def __str__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.facts())

    def facts(self) -> Iterator[tuple[str, object]]:
        """The facts by name, in the order in which the class declares them."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type] # every subclass is a dataclass
            yield field.name, getattr(self, field.name)


class Refusal(_Facts):
    """A rule says no. `stored`: the outcome is kept under the call's key, also when the state changes later."""

    stored: ClassVar[bool] = False


class Fault(_Facts):
    """The surroundings (data folder, server, schema) are not as they must be; a person has to act."""


# --- the call itself has to be mended --------------------------------------------------------------------------------


class Malformed(Refusal):
    """Wrong whatever the balances are: the call itself has to be mended."""


@dataclass(eq=False)
class InvalidField(Malformed):
    """`field` is the path in the call (`lines[3].amount`), `problem` a stable word (`not_a_whole_number`)."""

    field: str
    problem: str


@dataclass(eq=False)
class TooManyLines(Malformed):
    lines: int
    most: int


@dataclass(eq=False)
class Unbalanced(Malformed):
    """Sums of one unit, in its smallest unit."""

    unit: str
    debits: int
    credits: int


@dataclass(eq=False)
class KeyNotConsecutive(Malformed):
    """In a journal file the lines of one key must stand together; it comes again in `line`."""

    key: str
    line: int


@dataclass(eq=False)
class UnreadableSheet(Malformed):
    """`problem`: a stable word (`missing_columns`, `not_a_workbook`, `damaged`, `protected`, `too_large`)."""

    file: str
    problem: str
    detail: str


@dataclass(eq=False)
class BadTime(Malformed):
    """What stands in the column `field` is no time."""

    field: str
    text: str


@dataclass(eq=False)
class DuplicateRecord(Malformed):
    """The number of this record stands in the same file before."""

    record: str


@dataclass(eq=False)
class CodeMistyped(Malformed):
    """The last of the eighteen digits does not fit the others, or it is no code of ours at all."""


@dataclass(eq=False)
class UnitMismatch(Malformed):
    account: str
    unit: str
    account_unit: str


@dataclass(eq=False)
class NotTheChart(Malformed):
    """`account` belongs to the chart, which gives its floor (none where None)."""

    account: str
    floor: int | None
    chart_floor: int | None


@dataclass(eq=False)
class CannotReverse(Malformed):
    """A reversal is itself not reversed: post it anew. A hold is voided, what was captured is refunded."""

    transaction: UUID


@dataclass(eq=False)
class CannotHold(Malformed):
    """Only a wallet has a companion account in which part of it can be held."""

    account: str


@dataclass(eq=False)
class AboveHold(Malformed):
    """`amount` was to be captured of `held`."""

    hold: UUID
    amount: int
    held: int


@dataclass(eq=False)
class EffectiveDayOutOfRange(Refusal):
    """The day must lie between the book's first day and today (Asia/Shanghai), both inclusive."""

    day: date
    first_day: date
    today: date


# --- names something that is not there, or that is taken -------------------------------------------------------------


class Unknown(Refusal):
    """Names something that is not there."""


@dataclass(eq=False)
class UnknownBook(Unknown):
    book: str


@dataclass(eq=False)
class UnknownUnit(Unknown):
    unit: str


@dataclass(eq=False)
class UnknownAccount(Unknown):
    account: str


@dataclass(eq=False)
class UnknownTransaction(Unknown):
    transaction: UUID


@dataclass(eq=False)
class UnknownVolunteer(Unknown):
    volunteer: str


@dataclass(eq=False)
class UnknownHold(Unknown):
    hold: UUID


@dataclass(eq=False)
class UnknownPerson(Unknown):
    """No identity is recorded of this volunteer, or no longer."""

    volunteer: str


@dataclass(eq=False)
class NotPublished(Unknown):
    """Of the log of `book` only the first `size` leaves are published, 0: none are."""

    book: str
    size: int


@dataclass(eq=False)
class UnknownOrganisation(Unknown):
    organisation: str


@dataclass(eq=False)
class UnknownDraft(Unknown):
    draft: UUID


@dataclass(eq=False)
class UnknownUser(Unknown):
    """`user`: number or login."""

    user: int | str


@dataclass(eq=False)
class UnknownRole(Unknown):
    role: int


@dataclass(eq=False)
class UnknownDevice(Unknown):
    device: UUID


@dataclass(eq=False)
class UnknownToken(Unknown):
    token: int


@dataclass(eq=False)
class UnknownRenewal(Unknown):
    renewal: UUID


@dataclass(eq=False)
class UnknownImport(Unknown):
    import_id: UUID


@dataclass(eq=False)
class UnknownItem(Unknown):
    """The rules of that day have no item of this code."""

    item: str


@dataclass(eq=False)
class UnknownRuleSet(Unknown):
    version: int


@dataclass(eq=False)
class UnknownOutlet(Unknown):
    outlet: str


@dataclass(eq=False)
class UnknownTill(Unknown):
    till: int


@dataclass(eq=False)
class UnknownGoods(Unknown):
    """No item of the catalogue has this code."""

    item: str


@dataclass(eq=False)
class UnknownRedemption(Unknown):
    """`redemption`: its number, or the key of the call that should have made it."""

    redemption: UUID | str


@dataclass(eq=False)
class UnknownQuote(Unknown):
    quote: UUID


@dataclass(eq=False)
class UnknownCase(Unknown):
    case: UUID


@dataclass(eq=False)
class UnknownVoucher(Unknown):
    voucher: UUID


@dataclass(eq=False)
class UnknownPolicy(Unknown):
    version: int


@dataclass(eq=False)
class UnknownLadder(Unknown):
    version: int


@dataclass(eq=False)
class UnknownAssessment(Unknown):
    assessment: UUID


@dataclass(eq=False)
class UnknownAward(Unknown):
    award: UUID


@dataclass(eq=False)
class UnknownMark(Unknown):
    mark: UUID


@dataclass(eq=False)
class UnknownProof(Unknown):
    """`proof`: its number, or what the address of its page ends with."""

    proof: UUID | str


@dataclass(eq=False)
class UnknownBoard(Unknown):
    board: UUID


@dataclass(eq=False)
class UnknownTarget(Unknown):
    target: str


@dataclass(eq=False)
class UnknownHonour(Unknown):
    honour: UUID


@dataclass(eq=False)
class UnknownAlarm(Unknown):
    alarm: UUID


@dataclass(eq=False)
class UnknownSheet(Unknown):
    """No sheet of tickets."""

    sheet: UUID


class Taken(Refusal):
    """That name is in use for something else."""


@dataclass(eq=False)
class OrganisationExists(Taken):
    organisation: str


@dataclass(eq=False)
class OutletExists(Taken):
    outlet: str


@dataclass(eq=False)
class GoodsExist(Taken):
    """An item of the catalogue has this code."""

    item: str


@dataclass(eq=False)
class OfferExists(Taken):
    """The outlet has the item already, and from elsewhere: from stock, or the merchant's own."""

    outlet: str
    item: str


@dataclass(eq=False)
class TargetExists(Taken):
    target: str


@dataclass(eq=False)
class HonourExists(Taken):
    """It has been proposed, or given, for that year already."""

    year: int
    name: str


@dataclass(eq=False)
class NumberHasUser(Taken):
    """The volunteer can sign in already."""

    volunteer: str


@dataclass(eq=False)
class BookExists(Taken):
    book: str


@dataclass(eq=False)
class UnitExists(Taken):
    unit: str


@dataclass(eq=False)
class UserExists(Taken):
    login: str


@dataclass(eq=False)
class VolunteerExists(Taken):
    volunteer: str


@dataclass(eq=False)
class AccountExists(Taken):
    """`field` is the first that differs between what is there and what was asked for."""

    account: str
    field: str


@dataclass(eq=False)
class IdentityTaken(Taken):
    """The identity number that was to be recorded of `volunteer` is another volunteer's of that book."""

    volunteer: str


# --- keys ------------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class IdempotencyConflict(Refusal):
    """`key` already stands for `earlier_call`; `call` is another one (canonical texts, opaque here)."""

    key: str
    earlier_call: str
    call: str


# --- decided on the state of the books -------------------------------------------------------------------------------


class StateRefusal(Refusal):
    """Decided on the state of the books; stored, so that a repeat of the call hears the same."""

    stored = True


@dataclass(eq=False)
class InsufficientBalance(StateRefusal):
    """`balance`: on the account's normal side, before this transaction; it may not go below `floor`."""

    account: str
    balance: int
    floor: int


@dataclass(eq=False)
class AccountFrozen(StateRefusal):
    account: str


@dataclass(eq=False)
class AccountClosed(StateRefusal):
    account: str


@dataclass(eq=False)
class AmountOutOfRange(StateRefusal):
    """The account's debits or credits would pass 2^63 − 1."""

    account: str


@dataclass(eq=False)
class AlreadyReversed(StateRefusal):
    transaction: UUID


@dataclass(eq=False)
class AlreadyRefunded(StateRefusal):
    """Of what has been refunded or clawed back in part or whole, no mirror image can be posted any more."""

    transaction: UUID


@dataclass(eq=False)
class RefundTooLarge(StateRefusal):
    """Of the transaction's amount in `unit` no more than `left` can still be refunded or clawed back."""

    transaction: UUID
    unit: str
    left: int


@dataclass(eq=False)
class PeriodClosed(StateRefusal):
    """Nothing but hours can be dated on a day up to `closed_through`."""

    day: date
    closed_through: date


@dataclass(eq=False)
class HoldEnded(StateRefusal):
    """`status`: captured or voided."""

    hold: UUID
    status: str


@dataclass(eq=False)
class HoldExpired(StateRefusal):
    hold: UUID
    expires_at: datetime


# --- spending --------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class CodeNotValid(StateRefusal):
    """Nobody's code, or no longer: which of the two is not told."""


@dataclass(eq=False)
class CodeUsed(StateRefusal):
    """With this code, or this ticket, something has been redeemed."""

    used_at: datetime


@dataclass(eq=False)
class CodeElsewhere(StateRefusal):
    """Another till has quoted it a moment ago."""


@dataclass(eq=False)
class TooManyQuotes(StateRefusal):
    """A code, and a person at one outlet on one day, are quoted so often only."""


@dataclass(eq=False)
class TillLocked(StateRefusal):
    """Too many codes that were none."""

    until: datetime


@dataclass(eq=False)
class NotEnoughPoints(StateRefusal):
    """Without facts: the shop does not learn what she has."""


@dataclass(eq=False)
class NotOffered(StateRefusal):
    """The outlet does not have this item, not today, or not any more."""

    item: str


@dataclass(eq=False)
class SoldOut(StateRefusal):
    item: str


@dataclass(eq=False)
class OverQuota(StateRefusal):
    """`times` pieces `per` day, week, month, quarter or year, `by` person or household."""

    item: str
    by: str
    times: int
    per: str


@dataclass(eq=False)
class NotEligible(StateRefusal):
    """The item is for others: by star, tag or age."""

    item: str


@dataclass(eq=False)
class OverLimit(StateRefusal):
    """`limit`: `shop_day`, `pair_week`, `paper_day` or `ticket`."""

    limit: str


@dataclass(eq=False)
class QuoteOver(StateRefusal):
    """It was good for two minutes, and for the code that was shown."""


@dataclass(eq=False)
class NotWaiting(StateRefusal):
    """It waits for nobody's confirmation (any more): `status` is what has become of it."""

    status: str


@dataclass(eq=False)
class NotCancellable(StateRefusal):
    """`why`: `too_late`, `refunded`, or what has become of it."""

    why: str


@dataclass(eq=False)
class NotRefundable(StateRefusal):
    """`why`: `too_late`, `too_many` (pieces), or what has become of it."""

    why: str


@dataclass(eq=False)
class RedemptionDisputed(StateRefusal):
    """A case about it is open, or has been decided."""


@dataclass(eq=False)
class TooLateToDispute(StateRefusal):
    days: int


@dataclass(eq=False)
class NotDisputable(StateRefusal):
    """`why`: `refunded` (nothing is left of it), or what has become of it."""

    why: str


@dataclass(eq=False)
class VoucherNotValid(StateRefusal):
    """It was used, or it has expired: `state`."""

    state: str


@dataclass(eq=False)
class StockChanged(StateRefusal):
    """Since it was counted something was sold or came: there should be `pieces` now."""

    item: str
    pieces: int


@dataclass(eq=False)
class PeriodNotOver(Refusal):
    """A month is closed when it is over (Asia/Shanghai)."""

    period: str


@dataclass(eq=False)
class PeriodOutOfOrder(Refusal):
    """`expected` is the month that comes next, None where none can be reopened."""

    period: str
    expected: str | None


@dataclass(eq=False)
class SuspenseNotZero(Refusal):
    """`balance`: at the end of the month that was to be closed."""

    account: str
    balance: int


@dataclass(eq=False)
class AccountNotEmpty(Refusal):
    account: str
    balance: int


# --- access ----------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class AlreadyDecided(Refusal):
    """It has been approved, confirmed or declined, or has waited for too long."""


@dataclass(eq=False)
class AssessmentUnfinished(Refusal):
    """It was begun and not run to its end: assess that day again, which goes on with it."""

    assessment: UUID


@dataclass(eq=False)
class StillInNotice(Refusal):
    """Candidates are shown until the end of that day."""

    until: date


@dataclass(eq=False)
class AwardObjected(Refusal):
    """Somebody has objected to the award: that is decided first, on `due_on` at the latest."""

    due_on: date


@dataclass(eq=False)
class NotTheCertifier(Refusal):
    """Organisations of this level award the star."""

    level: str


@dataclass(eq=False)
class NotTheOrganiser(Refusal):
    """Who organises records, and who records certifies (MCA Order 67): nothing of hers was recorded there."""

    organisation: str


@dataclass(eq=False)
class NothingToProve(Refusal):
    """No credited service between these days."""


@dataclass(eq=False)
class TargetMissed(Refusal):
    """What an honour is for does not stand any more: minutes, weeks or days."""

    target: str
    amount: int
    needed: int


@dataclass(eq=False)
class AlreadyProposed(Refusal):
    """Somebody else has proposed how to decide the case: agree, or disagree."""


@dataclass(eq=False)
class NotProposed(Refusal):
    """Nobody has proposed how to decide the case, or no longer."""


@dataclass(eq=False)
class BeginsTooEarly(Refusal):
    """Rules leave yesterday and today alone: they begin on `earliest` at the earliest. (A book's first do not.)"""

    effective_from: date
    earliest: date


@dataclass(eq=False)
class SearchTooWide(Refusal):
    """The journal would be read for longer than a read may take: days or an account make it shorter."""


@dataclass(eq=False)
class ReservedKind(Refusal):
    """`room`: the part of the service that alone posts transactions of this kind."""

    kind: str
    room: str


@dataclass(eq=False)
class NeedsApproval(Refusal):
    """`account` is a wallet, hours or a reward, to which nobody posts alone."""

    account: str


@dataclass(eq=False)
class SecondPersonNeeded(Refusal):
    """Who asked for it cannot also approve it."""


@dataclass(eq=False)
class TooManyAttempts(Refusal):
    """The name was given with a wrong secret too often from this address; `seconds` to wait."""

    seconds: int


@dataclass(eq=False)
class TooManyFrames(Refusal):
    """`seconds`: how long the till has to wait before it sends another picture."""

    seconds: int


@dataclass(eq=False)
class ChangeNeeded(Refusal):
    """Somebody else has seen this password or PIN; it opens nothing but its own change."""


@dataclass(eq=False)
class WrongPassword(Refusal):
    """Says neither which of the two was wrong nor whether the login exists."""


@dataclass(eq=False)
class SessionEnded(Refusal):
    """No valid session: forged, ended or none at all."""


@dataclass(eq=False)
class NotAllowed(Refusal):
    """This user may not do that: another role or another book."""


# --- activities -------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class UnknownActivity(Unknown):
    activity: str


@dataclass(eq=False)
class ActivityExists(Taken):
    activity: str


@dataclass(eq=False)
class ActivityCancelled(Refusal):
    """It does not take place."""

    activity: str


@dataclass(eq=False)
class ActivityClosed(Refusal):
    """Its head count has been confirmed: nothing of it changes any more."""

    activity: str


@dataclass(eq=False)
class ActivityBegun(Refusal):
    """What it is can be changed before it begins and before anybody signs in."""

    activity: str


@dataclass(eq=False)
class ActivityNotUnderWay(Refusal):
    """One signs in between `opens_at` and `ends_at`."""

    activity: str
    opens_at: datetime
    ends_at: datetime


@dataclass(eq=False)
class NoInsurance(Refusal):
    """It has bodily risk, and no policy is named: nobody is signed in."""

    activity: str


@dataclass(eq=False)
class CodeStale(Refusal):
    """Not the code that the leader's screen shows, nor the one that it showed before. Which of the two is not told."""


@dataclass(eq=False)
class StruckOut(Refusal):
    """The leader has struck her out; only the leader signs her in again."""

    activity: str


@dataclass(eq=False)
class TrainingNeeded(Refusal):
    """Whoever takes part holds the qualification `training` on that day."""

    activity: str
    training: str


@dataclass(eq=False)
class AlreadySignedIn(Refusal):
    """She is at another `activity`, which has not ended: one person is in one place at a time."""

    activity: str
    since: datetime


@dataclass(eq=False)
class TooManyPairs(Refusal):
    """So often one may sign in to an activity on one day."""

    activity: str
    most: int


@dataclass(eq=False)
class ActivityFull(Refusal):
    activity: str
    capacity: int


@dataclass(eq=False)
class TooManyByLeader(Refusal):
    """Of `present` people, this one included, the leader would have signed in more than `share` percent."""

    activity: str
    present: int
    by_leader: int
    share: int


@dataclass(eq=False)
class NotSignedIn(Refusal):
    """Nothing to be ended or struck out."""

    activity: str


@dataclass(eq=False)
class HeadCountDiffers(Refusal):
    """The leader counted `head_count` people; `signed_in` are signed in and not struck out."""

    activity: str
    head_count: int
    signed_in: int


# --- hours and points ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class UnknownRecord(Unknown):
    record: str


@dataclass(eq=False)
class OrganisationInactive(Refusal):
    """It is suspended or has left, or one above it: it may read, and record nothing."""

    organisation: str
    status: str


@dataclass(eq=False)
class VolunteerLeft(Refusal):
    """Since `left_on` she is no longer a volunteer of the programme."""

    left_on: date


@dataclass(eq=False)
class EndNotAfterStart(Refusal):
    """The sign-out is not at least a minute after the sign-in."""


@dataclass(eq=False)
class LongerThanADay(Refusal):
    """From sign-in to sign-out it is more than 24 hours."""


@dataclass(eq=False)
class InTheFuture(Refusal):
    """It ends after `today`."""

    today: date


@dataclass(eq=False)
class NeedsSecondPerson(Refusal):
    """Hours entered afterwards must be confirmed by another person than the one who records them."""


@dataclass(eq=False)
class RecordDiffers(Refusal):
    """A record of this number is there already, with another `field`."""

    record: str
    field: str


@dataclass(eq=False)
class OutletClosed(Refusal):
    outlet: str


@dataclass(eq=False)
class TillCodeNotValid(Refusal):
    """Nobody's code, or used, or too old: which of them is not told."""


@dataclass(eq=False)
class OpeningDiffers(Refusal):
    """Hours of this volunteer were carried over before, with other figures: it is done once for each."""

    volunteer: str


@dataclass(eq=False)
class OverlapsAnotherRecord(Refusal):
    """The same person has another record at that time, of whichever organisation."""


@dataclass(eq=False)
class NotTheirTurn(Refusal):
    """The record's state does not let this happen (any more)."""

    record: str
    state: str


@dataclass(eq=False)
class CallBackDue(Refusal):
    """It was drawn for a call-back: first the person served is asked."""

    record: str


@dataclass(eq=False)
class UnknownObjection(Unknown):
    objection: UUID


@dataclass(eq=False)
class ObjectionOpen(Refusal):
    """An objection to this record, or its correction, waits for a decision already."""

    record: str


@dataclass(eq=False)
class NoticeOver(Refusal):
    """`until` was the last day of public notice."""

    record: str
    until: date


@dataclass(eq=False)
class BudgetBelowIssued(Refusal):
    """So many points have been issued already."""

    issued: int


@dataclass(eq=False)
class StillKnown(Refusal):
    """Personal data of `volunteer` are there: erase them in the transaction in which her number is forgotten."""

    volunteer: str


# --- people and organisations -----------------------------------------------------------------------------------------


@dataclass(eq=False)
class UnknownMember(Unknown):
    """This person is not (or no longer) a member of `organisation`."""

    organisation: str


@dataclass(eq=False)
class AlreadyMember(Taken):
    organisation: str


@dataclass(eq=False)
class UnknownQualification(Unknown):
    """`name`, passed on that day, is not recorded of this person."""

    name: str


@dataclass(eq=False)
class UnknownGuardian(Unknown):
    """No guardian is recorded of this volunteer, or no longer."""

    volunteer: str


@dataclass(eq=False)
class TooYoung(Refusal):
    """Only from `least_age` full years on. How old she is, is not said."""

    least_age: int


@dataclass(eq=False)
class GuardianConsentNeeded(Refusal):
    """Below `age` a guardian's consent is recorded first (Shandong Regulation on Volunteer Service 10)."""

    age: int


@dataclass(eq=False)
class CompanyNeeded(Refusal):
    """Below `age` somebody accompanies the child."""

    age: int


# --- the surroundings ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class SettingInvalid(Fault):
    """The environment variable `name` cannot be used; `problem` never quotes its value."""

    name: str
    problem: str


@dataclass(eq=False)
class PortTaken(Fault):
    host: str
    port: int


@dataclass(eq=False)
class CannotListen(Fault):
    host: str
    port: int
    reason: str


@dataclass(eq=False)
class DemoNeedsOwnServer(Fault):
    """Sample data do not belong into a database that somebody else runs."""


@dataclass(eq=False)
class DataFolderInUse(Fault):
    """Another `serve` or `demo` (process `pid`, 0 if not known) works on this folder."""

    folder: Path
    pid: int


@dataclass(eq=False)
class DataFolderUnusable(Fault):
    """`reason`: the system's own words, e.g. "Permission denied"."""

    folder: Path
    reason: str


@dataclass(eq=False)
class OtherMajorVersion(Fault):
    """The folder was made by PostgreSQL `found`; this version brings `needed`."""

    folder: Path
    found: str
    needed: str


@dataclass(eq=False)
class ServerWouldNotStart(Fault):
    """`reason`: the last lines that matter of the server's log, whose file is `log`."""

    log: Path
    reason: str


@dataclass(eq=False)
class DatabaseUnreachable(Fault):
    """`where` names host, port and database, never the password."""

    where: str
    reason: str


@dataclass(eq=False)
class DatabaseRefused(Fault):
    """The database would not do what a command needs; `reason` in its own words."""

    reason: str


@dataclass(eq=False)
class DatabaseTooOld(Fault):
    version: str
    needed: int


@dataclass(eq=False)
class OwnerMayNotServe(Fault):
    """`role` owns the journal or is a superuser: the books' protections would not hold for it."""

    role: str


@dataclass(eq=False)
class SchemaBehind(Fault):
    """The database stands at revision `found` (None: empty); this version needs `needed`."""

    found: str | None
    needed: str


@dataclass(eq=False)
class SchemaAhead(Fault):
    """A newer version of the service has migrated this database: revision `found` is not known here."""

    found: str


@dataclass(eq=False)
class TooBusy(Fault):
    """`waiting` lines wait to be posted, and no more are let in; the same call again a little later is safe."""

    waiting: int


@dataclass(eq=False)
class CannotDecrypt(Fault):
    """Stored personal data do not open: the key is not among the settings', or somebody changed or moved them.

    `what` is table and column; whose data, and which of the two it was, is not said.
    """

    what: str


# --- the sealed log --------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class LogDamaged(Fault):
    """The log lacks hashes of the tile `tile` (of 256) on `level`: somebody has removed them."""

    level: int
    tile: int


@dataclass(eq=False)
class LogRolledBack(Fault):
    """`signed` leaves of the log `origin` were signed, and now it has `size`: an older copy was put in its place."""

    origin: str
    size: int
    signed: int


@dataclass(eq=False)
class LogInconsistent(Fault):
    """The first `signed` of the `size` leaves of the log `origin` are not those that were signed."""

    origin: str
    size: int
    signed: int


@dataclass(eq=False)
class SignerUnusable(Fault):
    """`reason`: the system's own words, or what is wrong with `file`, in which the signer keeps what it has signed."""

    file: Path
    reason: str


@dataclass(eq=False)
class NothingPublished(Fault):
    """No checkpoint of the log of `book` has been published, so there is nothing that a package could prove."""

    book: str


@dataclass(eq=False)
class FolderNotEmpty(Fault):
    """A package is written into an empty folder: what lies in `folder` already would seem part of it."""

    folder: Path


@dataclass(eq=False)
class CannotWrite(Fault):
    """What has been written into `folder` so far is no package. `reason`: the system's own words."""

    folder: Path
    reason: str

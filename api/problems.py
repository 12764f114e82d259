"""Errors for people and programs: what each refusal of the domain is called, and what it says in both languages.

One table maps every refusal to a status, a stable code and a sentence that says what happened and what to do. Answers
are problem documents (RFC 9457) with the refusal's facts beside the standard members.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from api import calls
from ledger import errors
from ledger.days import BEIJING
from ledger.errors import Fault, Refusal

Language = Literal["zh", "en"]

MEDIA_TYPE: Final = "application/problem+json"


class Problem(msgspec.Struct, omit_defaults=True):
    """A problem document. The facts of a refusal stand beside these members; `errors` lists faulty fields."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]] = []


@dataclass(frozen=True, slots=True)
class Row:
    """Status, code, and the sentence in Chinese and English; braces hold the refusal's facts."""

    status: int
    code: str
    zh: str
    en: str


REFUSALS: Final[dict[type[Refusal], Row]] = {
    errors.InvalidField: Row(
        400,
        "invalid_request",
        "“{field}”这一项不能用（{problem}）。请改正后再试。",
        "The field {field} cannot be used ({problem}). Please correct it and try again.",
    ),
    errors.TooManyLines: Row(
        422,
        "too_many_lines",
        "一次最多 {most} 行，这里有 {lines} 行。请分几次办理。",
        "At most {most} lines are taken at a time, here are {lines}. Please split them.",
    ),
    errors.Unbalanced: Row(
        422,
        "unbalanced",
        "借贷不平：{unit} 借方 {debits}，贷方 {credits}。请核对数额。",
        "Debits and credits differ in {unit}: {debits} against {credits}. Please check the amounts.",
    ),
    errors.UnitMismatch: Row(
        422,
        "unit_mismatch",
        "账户 {account} 的单位是 {account_unit}，不是 {unit}。",
        "The account {account} is kept in {account_unit}, not in {unit}.",
    ),
    errors.KeyNotConsecutive: Row(
        422,
        "key_not_consecutive",
        "同一笔账的各行须连在一起：{key} 在第 {line} 行又出现。",
        "The lines of one key must stand together: {key} comes again in line {line}.",
    ),
    errors.UnreadableSheet: Row(
        400,
        "unreadable_sheet",
        "文件 {file} 不能用：{problem}。",
        "The file {file} cannot be used: {problem}.",
    ),
    errors.BadTime: Row(
        422,
        "bad_time",
        "时间“{text}”看不懂。请写成 2026-08-27 14:15。",
        "The time “{text}” cannot be read. Please write it as 2026-08-27 14:15.",
    ),
    errors.DuplicateRecord: Row(
        422,
        "duplicate_record",
        "记录编号 {record} 在这个文件里前面已经有了。请核对，每条记录只写一次。",
        "The record {record} stands in this file before. Please check: each record is written once.",
    ),
    errors.NotTheChart: Row(
        409,
        "not_the_chart",
        "账户 {account} 属于科目表，下限只能是 {chart_floor}，不能是 {floor}。",
        "The account {account} belongs to the chart, whose floor is {chart_floor}, not {floor}.",
    ),
    errors.CannotReverse: Row(
        422,
        "cannot_reverse",
        "{transaction} 是冲正或预留，不能再冲正。冲正请重新记一笔，预留请取消或退回。",
        "{transaction} is a reversal or belongs to a hold, and cannot be reversed. Please post anew what was reversed,"
        " void a hold, or refund what was captured.",
    ),
    errors.CannotHold: Row(
        422,
        "cannot_hold",
        "账户 {account} 不能预留，只有志愿者的可用积分可以。",
        "Nothing can be held in the account {account}, only in a volunteer's wallet.",
    ),
    errors.AboveHold: Row(
        422,
        "above_hold",
        "只预留了 {held}，不能用 {amount}。请减少数额。",
        "Only {held} is held, so {amount} cannot be taken. Please take less.",
    ),
    errors.EffectiveDayOutOfRange: Row(
        422,
        "effective_day_out_of_range",
        "日期 {day} 不在账本范围内（{first_day} 至今天 {today}）。请核对日期。",
        "The day {day} is outside the book ({first_day} to today, {today}). Please check the date.",
    ),
    errors.UnknownBook: Row(404, "unknown_book", "没有账本 {book}。", "There is no book {book}."),
    errors.NotPublished: Row(
        404,
        "not_published",
        "账本 {book} 的公开日志只有 {size} 条，请过一会儿再查。",
        "The published log of the book {book} has {size} entries. Please try again later.",
    ),
    errors.UnknownUnit: Row(
        404,
        "unknown_unit",
        "没有单位 {unit}。请先运行：meide unit create {unit} --scale 小数位数",
        "There is no unit {unit}. Create it first: meide unit create {unit} --scale DIGITS",
    ),
    errors.UnknownAccount: Row(
        404,
        "unknown_account",
        "没有账户 {account}。请核对编号，或先开户。",
        "There is no account {account}. Please check the code, or open the account first.",
    ),
    errors.UnknownTransaction: Row(
        404, "unknown_transaction", "没有这笔账：{transaction}。", "There is no transaction {transaction}."
    ),
    errors.UnknownHold: Row(404, "unknown_hold", "没有这笔预留：{hold}。", "There is no hold {hold}."),
    errors.UnknownVolunteer: Row(
        404, "unknown_volunteer", "没有志愿者 {volunteer}。请核对编号。", "There is no volunteer {volunteer}."
    ),
    errors.UnknownOrganisation: Row(
        404,
        "unknown_organisation",
        "没有组织 {organisation}。请核对编号。",
        "There is no organisation {organisation}. Please check the code.",
    ),
    errors.UnknownImport: Row(
        404,
        "unknown_import",
        "没有导入 {import_id}。请核对编号：meide import list",
        "There is no import {import_id}. Please check: meide import list",
    ),
    errors.UnknownItem: Row(
        404,
        "unknown_item",
        "当日的规则里没有 {item} 这一项。请核对代码。",
        "The rules of that day have no item {item}. Please check the code.",
    ),
    errors.UnknownRuleSet: Row(
        404, "unknown_rule_set", "没有第 {version} 版规则。", "There is no version {version} of the rules."
    ),
    errors.BeginsTooEarly: Row(
        409,
        "begins_too_early",
        "新规则不改变已经过去的日子：最早从 {earliest} 起生效，不能从 {effective_from} 起。请另起草一版。",
        "New rules leave past days alone: they can begin on {earliest} at the earliest, not on {effective_from}. "
        "Please draft another version.",
    ),
    errors.UnknownDraft: Row(404, "unknown_proposal", "没有这笔待批的账。", "There is no such proposal."),
    errors.UnknownUser: Row(404, "unknown_user", "没有用户 {user}。", "There is no user {user}."),
    errors.UnknownRole: Row(
        404, "unknown_role", "没有这个角色，或者已经收回。", "There is no such role, or it has been taken back."
    ),
    errors.UnknownDevice: Row(
        404, "unknown_device", "没有这台设备，或者已经退出。", "There is no such device, or it is signed out."
    ),
    errors.UnknownToken: Row(404, "unknown_token", "没有这个令牌。", "There is no such token."),
    errors.UnknownRenewal: Row(404, "unknown_renewal", "没有这个换密码的申请。", "There is no such request for a PIN."),
    errors.UnknownObjection: Row(404, "unknown_objection", "没有这个异议。", "There is no such objection."),
    errors.ObjectionOpen: Row(
        409,
        "objection_open",
        "记录 {record} 已有人提出异议，正等另一位工作人员处理。请先看处理结果。",
        "Somebody has objected to the record {record} already. Please wait for the decision on that.",
    ),
    errors.NoticeOver: Row(
        409,
        "notice_over",
        "记录 {record} 的公示 {until} 已结束，不能再提异议。如果确实有错，请告诉服务站，由两位工作人员更正。",
        "The notice of the record {record} ended on {until}. If it is wrong, please tell your service station: two of"
        " the staff can correct it.",
    ),
    errors.OrganisationExists: Row(
        409,
        "organisation_exists",
        "组织 {organisation} 已经有了。",
        "The organisation {organisation} exists already.",
    ),
    errors.NumberHasUser: Row(
        409,
        "number_has_user",
        "志愿者 {volunteer} 已经可以登录了。",
        "The volunteer {volunteer} can sign in already.",
    ),
    errors.BookExists: Row(409, "book_exists", "账本 {book} 已经有了。", "The book {book} exists already."),
    errors.UnitExists: Row(409, "unit_exists", "单位 {unit} 已经有了。", "The unit {unit} exists already."),
    errors.UserExists: Row(409, "user_exists", "登录名 {login} 已有人使用。", "The login {login} is taken."),
    errors.VolunteerExists: Row(
        409,
        "volunteer_exists",
        "志愿者 {volunteer} 已经登记过了。",
        "The volunteer {volunteer} is registered already.",
    ),
    errors.AccountExists: Row(
        409,
        "account_exists",
        "账户 {account} 已经有了，但“{field}”不同。",
        "The account {account} exists already with another {field}.",
    ),
    errors.IdempotencyConflict: Row(
        409,
        "idempotency_conflict",
        "键 {key} 已用于另一次请求，“{field}”不同。新的请求请用新的键。",
        "The key {key} already stands for another call, which differs in {field}. Please use a new key.",
    ),
    errors.InsufficientBalance: Row(
        409,
        "insufficient_balance",
        "账户 {account} 余额 {balance}，不能低于 {floor}。请减少数额。",
        "The account {account} holds {balance} and may not go below {floor}. Please take less.",
    ),
    errors.AccountFrozen: Row(
        409,
        "account_frozen",
        "账户 {account} 已冻结，不能记账。请联系管理人员。",
        "The account {account} is frozen. Please ask your staff.",
    ),
    errors.AccountClosed: Row(
        409, "account_closed", "账户 {account} 已销户，不能记账。", "The account {account} is closed."
    ),
    errors.AmountOutOfRange: Row(
        409,
        "amount_out_of_range",
        "账户 {account} 的累计数额超出账本能记的范围。",
        "The totals of the account {account} would be larger than the books can hold.",
    ),
    errors.AlreadyReversed: Row(
        409,
        "already_reversed",
        "{transaction} 已经冲正过，不能再次冲正。",
        "{transaction} has been reversed already.",
    ),
    errors.AlreadyRefunded: Row(
        409,
        "already_refunded",
        "{transaction} 已经退回过，不能再冲正。",
        "{transaction} has been refunded already and can no longer be reversed.",
    ),
    errors.RefundTooLarge: Row(
        409,
        "refund_too_large",
        "{transaction} 最多还能退回 {left} {unit}。请减少数额。",
        "At most {left} {unit} of {transaction} can still be refunded. Please refund less.",
    ),
    errors.PeriodClosed: Row(
        409,
        "period_closed",
        "{closed_through} 及以前的账已经结了，不能记在 {day}。请用以后的日期。",
        "The books are closed through {closed_through}, so nothing can be dated {day}. Please use a later date.",
    ),
    errors.HoldEnded: Row(
        409,
        "hold_ended",
        "这笔预留已经用掉或取消了，不能再办。",
        "This hold has been captured or voided already.",
    ),
    errors.CodeMistyped: Row(
        422,
        "code_mistyped",
        "号码不对：请再扫一次，或者核对 18 位数字。",
        "The number is not right: please scan it again, or compare the 18 digits.",
    ),
    errors.CodeNotValid: Row(
        409,
        "code_not_valid",
        "这个码不能用了。请对方换一个新码，再扫一次。",
        "This code cannot be used. Please ask for a new one and scan that.",
    ),
    errors.CodeUsed: Row(
        409,
        "code_used",
        "此码已在 {used_at} 使用过，没有再次扣分。需要再兑换，请换一个新码。",
        "This code was used at {used_at}; nothing was taken again. For another redemption please ask for a new code.",
    ),
    errors.CodeElsewhere: Row(
        409,
        "code_elsewhere",
        "另一台收银设备刚扫过这个码。请在那里办完，或者换一个新码。",
        "Another till has just scanned this code. Please finish there, or ask for a new code.",
    ),
    errors.TooManyQuotes: Row(
        409,
        "too_many_quotes",
        "这个码看价的次数太多了。请换一个新码，或者明天再来。",
        "This was quoted too often. Please ask for a new code, or come again tomorrow.",
    ),
    errors.TillLocked: Row(
        409,
        "till_locked",
        "输错的码太多，这台设备暂停到 {until}。到时再试，或者请社区工作人员帮忙。",
        "Too many wrong codes: this till is paused until {until}. Try again then, or ask the community staff.",
    ),
    errors.NotEnoughPoints: Row(
        409,
        "not_enough_points",
        "积分不够，没有扣分。可以少换一些。",
        "There are not enough points; nothing was taken. Please choose less.",
    ),
    errors.NotOffered: Row(
        409,
        "not_offered",
        "商品 {item} 现在不能在这里兑换。请另选一样。",
        "The item {item} cannot be redeemed here now. Please choose another.",
    ),
    errors.SoldOut: Row(
        409,
        "sold_out",
        "商品 {item} 换完了，没有扣分。请另选一样。",
        "The item {item} has run out; nothing was taken. Please choose another.",
    ),
    errors.OverQuota: Row(
        409,
        "over_quota",
        "商品 {item} 有限兑：{times} 件，已经换满。请另选一样，或下一期再来。",
        "The item {item} is limited to {times} per {per}; that is used up. Please choose another or come again later.",
    ),
    errors.NotEligible: Row(
        409,
        "not_eligible",
        "商品 {item} 只给符合条件的志愿者，没有扣分。",
        "The item {item} is only for volunteers who meet its conditions; nothing was taken.",
    ),
    errors.OverLimit: Row(
        409,
        "over_limit",
        "超过了限额（{limit}），没有扣分。请少换一些，或改天再来。",
        "This is over a limit ({limit}); nothing was taken. Please choose less or come another day.",
    ),
    errors.QuoteOver: Row(
        409,
        "quote_over",
        "时间过了，没有扣分。请再扫一次码。",
        "Too much time has passed; nothing was taken. Please scan the code again.",
    ),
    errors.NotWaiting: Row(
        409,
        "not_waiting",
        "这次兑换已经办结（{status}），不用再确认。",
        "This redemption is over ({status}); there is nothing left to confirm.",
    ),
    errors.NotCancellable: Row(
        409,
        "not_cancellable",
        "这次兑换不能撤销了（{why}）。可以办退货。",
        "This redemption can no longer be cancelled ({why}). It may be refunded.",
    ),
    errors.NotRefundable: Row(
        409,
        "not_refundable",
        "不能退这么多（{why}）。请核对件数和日期。",
        "That cannot be refunded ({why}). Please check the pieces and the day.",
    ),
    errors.RedemptionDisputed: Row(
        409,
        "redemption_disputed",
        "这次兑换有人提出异议，先由工作人员处理。",
        "Somebody has disputed this redemption; the staff will decide first.",
    ),
    errors.TooLateToDispute: Row(
        409,
        "too_late_to_dispute",
        "兑换后 {days} 天内可以提出。现在请联系社区工作人员。",
        "It can be disputed for {days} days. Please talk to the community staff now.",
    ),
    errors.NotDisputable: Row(
        409,
        "not_disputable",
        "这次兑换没有扣着您的积分，不用再提（{why}）。",
        "This redemption keeps none of your points, so there is nothing to dispute ({why}).",
    ),
    errors.AlreadyProposed: Row(
        409,
        "already_proposed",
        "已经有同事提了处理意见。请您看过后同意或不同意。",
        "A colleague has proposed a decision already. Please look at it, and agree or disagree.",
    ),
    errors.NotProposed: Row(
        409,
        "not_proposed",
        "还没有处理意见，或者意见已经撤下。请先提出意见。",
        "Nobody has proposed a decision, or it is gone. Please propose one first.",
    ),
    errors.VoucherNotValid: Row(
        409,
        "voucher_not_valid",
        "这张券已经用过，或者过了最后一天，不能再用。",
        "This voucher was used before, or is past its last day: it cannot be used any more.",
    ),
    errors.UnknownOutlet: Row(
        404,
        "unknown_outlet",
        "没有这个兑换点：{outlet}。请核对编号。",
        "There is no outlet {outlet}. Please check its code.",
    ),
    errors.UnknownTill: Row(
        404,
        "unknown_till",
        "没有这台收银设备：{till}。",
        "There is no till {till}.",
    ),
    errors.UnknownGoods: Row(
        404,
        "unknown_goods",
        "没有这样商品：{item}。请核对编号。",
        "There is no item {item}. Please check its code.",
    ),
    errors.UnknownRedemption: Row(
        404,
        "unknown_redemption",
        "没有这次兑换：{redemption}。",
        "There is no redemption {redemption}.",
    ),
    errors.UnknownQuote: Row(
        404,
        "unknown_quote",
        "没有这次报价：{quote}。请再扫一次码。",
        "There is no quote {quote}. Please scan the code again.",
    ),
    errors.UnknownCase: Row(
        404,
        "unknown_case",
        "没有这件异议：{case}。",
        "There is no case {case}.",
    ),
    errors.UnknownVoucher: Row(
        404,
        "unknown_voucher",
        "没有这张券：{voucher}。",
        "There is no voucher {voucher}.",
    ),
    errors.UnknownPolicy: Row(
        404,
        "unknown_policy",
        "没有这一版限额：{version}。",
        "There is no version {version} of the limits.",
    ),
    errors.UnknownLadder: Row(
        404, "unknown_ladder", "没有第 {version} 版星级标准。", "There is no version {version} of the star rules."
    ),
    errors.UnknownAssessment: Row(
        404, "unknown_assessment", "没有这次评定：{assessment}。", "There is no assessment {assessment}."
    ),
    errors.UnknownAward: Row(404, "unknown_award", "没有这项星级：{award}。", "There is no such award: {award}."),
    errors.UnknownMark: Row(404, "unknown_mark", "没有这条记录：{mark}。", "There is no such entry: {mark}."),
    errors.UnknownProof: Row(
        404, "unknown_proof", "没有这份服务记录证明：{proof}。", "There is no such proof of service: {proof}."
    ),
    errors.UnknownBoard: Row(404, "unknown_board", "没有这份榜单：{board}。", "There is no such board: {board}."),
    errors.UnknownTarget: Row(404, "unknown_target", "没有编号为“{target}”的目标。", "There is no target {target}."),
    errors.UnknownHonour: Row(404, "unknown_honour", "没有这项荣誉：{honour}。", "There is no such honour: {honour}."),
    errors.TargetExists: Row(
        409,
        "target_exists",
        "编号“{target}”已经是另一个目标，请换一个编号。",
        "The code {target} is another target's. Please choose another code.",
    ),
    errors.AssessmentUnfinished: Row(
        409,
        "assessment_unfinished",
        "这次评定还没有算完。请对同一天再评定一次，它会接着算完。",
        "This assessment has not been computed to its end. Please assess the same day again: it goes on from there.",
    ),
    errors.StillInNotice: Row(
        409,
        "still_in_notice",
        "名单公示到 {until} 为止，请在公示结束以后再决定。",
        "The candidates are shown until {until}. Please decide after that day.",
    ),
    errors.AwardObjected: Row(
        409,
        "award_objected",
        "有人对这项星级提出了异议，最迟 {due_on} 答复。请先处理异议，再作决定。",
        "Somebody has objected to this star; the answer is due on {due_on}. Please decide the objection first.",
    ),
    errors.NotTheCertifier: Row(
        403,
        "not_the_certifier",
        "这一星级由“{level}”一级的单位认定，请交给他们。",
        "Organisations of the level {level} award this star. Please leave it to them.",
    ),
    errors.NotTheOrganiser: Row(
        409,
        "not_the_organiser",
        "谁组织、谁记录、谁证明：“{organisation}”没有记录过这位志愿者的服务，不能出具证明。请向组织服务的单位申请。",
        "Who organises records, and who records certifies: {organisation} has not recorded any service of this"
        " volunteer. Please ask the organisation that did.",
    ),
    errors.NothingToProve: Row(
        409,
        "nothing_to_prove",
        "这段时间里没有已经入账的服务，没有可以证明的内容。请换一段时间。",
        "There is no credited service between these days, so there is nothing to prove. Please choose other days.",
    ),
    errors.HonourExists: Row(
        409,
        "honour_exists",
        "{year} 年的“{name}”已经提过名，或者已经授予，不用再提。",
        "The honour {name} of {year} has been proposed or given already. Nothing needs to be done.",
    ),
    errors.TargetMissed: Row(
        409,
        "target_missed",
        "服务记录更正以后，目标“{target}”没有达到，不能授予。请不要采用这项提名。",
        "Since records were corrected, the target {target} is not reached any more, so the honour is not given. Please "
        "decline it.",
    ),
    errors.UnknownAlarm: Row(
        404,
        "unknown_alarm",
        "没有这条提醒：{alarm}。",
        "There is no alarm {alarm}.",
    ),
    errors.UnknownSheet: Row(
        404,
        "unknown_ticket_sheet",
        "没有这张兑换票：{sheet}。",
        "There is no sheet of tickets {sheet}.",
    ),
    errors.OutletExists: Row(
        409,
        "outlet_exists",
        "兑换点编号 {outlet} 已经有了。请换一个编号。",
        "The outlet code {outlet} is in use. Please choose another.",
    ),
    errors.OutletClosed: Row(
        409,
        "outlet_closed",
        "兑换点 {outlet} 已经关闭。请先重新开放。",
        "The outlet {outlet} is closed. Please open it again first.",
    ),
    errors.TillCodeNotValid: Row(
        409,
        "till_code_not_valid",
        "这组数字不能用了。请社区工作人员给您一组新的，15 分钟内输入。",
        "This code cannot be used. Please ask the community staff for a new one and type it within 15 minutes.",
    ),
    errors.GoodsExist: Row(
        409,
        "goods_exist",
        "商品编号 {item} 已经有了。请换一个编号。",
        "The item code {item} is in use. Please choose another.",
    ),
    errors.StockChanged: Row(
        409,
        "stock_changed",
        "盘点时商品 {item} 有了进出，账上现在是 {pieces} 件。请把这一样重新数一遍；别的还没有记。",
        "While the item {item} was counted, some came or went: there should be {pieces} now. "
        "Please count it again; nothing has been recorded.",
    ),
    errors.OfferExists: Row(
        409,
        "offer_exists",
        "网点 {outlet} 已经有商品 {item}，来源不同（库存或商家自有）。来源不能改；需要时请另建一个商品编号。",
        "The outlet {outlet} has the item {item} already, from another source (stock or the merchant's own). "
        "The source stays; where it must differ, please add an item of another code.",
    ),
    errors.HoldExpired: Row(
        409,
        "hold_expired",
        "这笔预留已过期，积分已退回账户。请重新预留。",
        "This hold has run out and its points are back in the account. Please hold them anew.",
    ),
    errors.PeriodNotOver: Row(
        409,
        "period_not_over",
        "{period} 还没有过完。请过完这个月再结账。",
        "The month {period} is not over. Please close it when it is.",
    ),
    errors.PeriodOutOfOrder: Row(
        409,
        "period_out_of_order",
        "现在不能办 {period}：月份须按顺序结账，从最后一个月重开。现在可以办的月份：{expected}。",
        "Not {period}: months are closed in order and reopened from the last. The month in turn: {expected}.",
    ),
    errors.SuspenseNotZero: Row(
        409,
        "suspense_not_zero",
        "暂记账户 {account} 还有 {balance}，不能结账。请先处理清楚。",
        "The suspense account {account} still holds {balance}. Please clear it before closing the month.",
    ),
    errors.AccountNotEmpty: Row(
        409,
        "account_not_empty",
        "账户 {account} 还有余额 {balance}，不能销户。",
        "The account {account} still holds {balance} and cannot be closed.",
    ),
    errors.AlreadyDecided: Row(
        409,
        "already_decided",
        "这件事已经办过，或者等得太久作废了。请看最新的情况。",
        "This has been decided already, or has waited for too long. Please look again.",
    ),
    errors.SearchTooWide: Row(
        422,
        "search_too_wide",
        "找的范围太大，5 秒内没有找完。请写明从哪一天、到哪一天，或者哪个账户，再找一次。",
        "This search took longer than 5 seconds and was given up. Please say which days, or which account.",
    ),
    errors.ReservedKind: Row(
        409,
        "reserved_kind",
        "“{kind}”这一类账由系统自己记，不能手工记。请换一个类别。",
        "Transactions of the kind {kind} are posted by the service itself. Please use another kind.",
    ),
    errors.NeedsApproval: Row(
        403,
        "needs_approval",
        "账户 {account} 的账须两个人办：一人提出，另一人批准。请改为提出待批。",
        "Two people post to {account}: one proposes, another approves. Please propose it instead.",
    ),
    errors.UnknownRecord: Row(
        404, "unknown_record", "没有服务记录 {record}。请核对编号。", "There is no service record {record}."
    ),
    errors.OrganisationInactive: Row(
        409,
        "organisation_inactive",
        "组织 {organisation} 已暂停或退出，不能再记录服务。请联系上级组织。",
        "The organisation {organisation} is suspended or has left, and records nothing. Please ask the one above it.",
    ),
    errors.VolunteerLeft: Row(
        409,
        "volunteer_left",
        "这位志愿者已于 {left_on} 退出，之后的服务不能记录。",
        "This volunteer left on {left_on}; service after that day cannot be recorded.",
    ),
    errors.EndNotAfterStart: Row(
        422,
        "end_not_after_start",
        "签退时间须晚于签到时间。请核对两个时间。",
        "The sign-out must be later than the sign-in. Please check both times.",
    ),
    errors.LongerThanADay: Row(
        422,
        "longer_than_a_day",
        "一次服务不能超过24小时。请核对时间，或分成几条。",
        "One service cannot be longer than 24 hours. Please check the times, or split it.",
    ),
    errors.InTheFuture: Row(
        422,
        "in_the_future",
        "签退时间在 {today} 之后，还没有发生。请核对日期。",
        "The sign-out is after {today} and has not happened yet. Please check the date.",
    ),
    errors.NeedsSecondPerson: Row(
        422,
        "needs_second_person",
        "补录的时长须由记录人以外的另一个人复核。请填写复核人。",
        "Hours entered afterwards must be confirmed by another person than the recorder. Please name the reviewer.",
    ),
    errors.RecordDiffers: Row(
        409,
        "record_differs",
        "记录 {record} 已经有了，但“{field}”不同。要更正，请走更正手续。",
        "The record {record} is there already with another {field}. To change it, please have it corrected.",
    ),
    errors.OpeningDiffers: Row(
        409,
        "opening_differs",
        "志愿者 {volunteer} 的结转时长已经记过，数字、组织或日期不同。每人只结转一次。",
        "Hours of the volunteer {volunteer} were carried over before, with another figure, organisation or day."
        " That is done once for each.",
    ),
    errors.OverlapsAnotherRecord: Row(
        409,
        "overlaps_another_record",
        "这位志愿者在同一时间已有另一条记录。请核对时间。",
        "This volunteer has another record at the same time. Please check the times.",
    ),
    errors.NotTheirTurn: Row(
        409,
        "not_their_turn",
        "记录 {record} 现在的状态是 {state}，不能这样办理。请刷新后再看。",
        "The record {record} is {state} now, so this cannot be done. Please reload and look again.",
    ),
    errors.CallBackDue: Row(
        409,
        "call_back_due",
        "记录 {record} 被抽中回访。请先回访服务对象，再审核。",
        "The record {record} was drawn for a call-back. Please ask the person served first, then review it.",
    ),
    errors.BudgetBelowIssued: Row(
        409,
        "budget_below_issued",
        "已发放 {issued} 分，额度不能低于这个数。",
        "{issued} points have been issued already; the budget cannot be lower.",
    ),
    errors.SecondPersonNeeded: Row(
        403,
        "second_person_needed",
        "自己提出的，不能自己批准。请另一位工作人员来办。",
        "Whoever asked for it cannot also approve it. Please let a colleague do so.",
    ),
    errors.TooManyAttempts: Row(
        429,
        "too_many_attempts",
        "试错次数太多。请等 {seconds} 秒再试；忘记了密码，请找服务站。",
        "Wrong too often. Please wait {seconds} seconds, or ask your service station for a new password.",
    ),
    errors.TooManyFrames: Row(
        429,
        "too_many_frames",
        "扫码太久或太快了。请等 {seconds} 秒再扫，或者输入数字。",
        "This till has sent too many pictures. Please wait {seconds} seconds, or type the digits.",
    ),
    errors.ChangeNeeded: Row(
        403,
        "change_needed",
        "这个密码别人见过。请先换成自己的新密码。",
        "Somebody else has seen this password. Please choose a new one of your own first.",
    ),
    errors.WrongPassword: Row(
        401,
        "wrong_password",
        "登录名或密码不对。请检查后再试一次；忘记了密码，请找服务站。",
        "The login or the password is wrong. Please check both and try again, or ask your service station.",
    ),
    errors.SessionEnded: Row(
        401,
        "session_ended",
        "登录已过期。请重新登录。",
        "Your session has ended. Please sign in again.",
    ),
    errors.UnknownPerson: Row(
        404,
        "unknown_person",
        "志愿者 {volunteer} 还没有登记个人信息。请先登记。",
        "No identity is recorded of the volunteer {volunteer}. Please record it first.",
    ),
    errors.IdentityTaken: Row(
        409,
        "identity_taken",
        "这个身份证号已登记在另一位志愿者名下。请核对号码；若是同一个人，请用原来的志愿者编号，不用 {volunteer}。",
        "Another volunteer has this identity number. Please check the number; if it is the same person, please use the"
        " volunteer number that is there already instead of {volunteer}.",
    ),
    errors.StillKnown: Row(
        409,
        "still_known",
        "志愿者 {volunteer} 的个人信息还在。请再办理一次注销。",
        "Personal data of the volunteer {volunteer} are still there. Please erase them once more.",
    ),
    # activities: signing in and out, closing
    errors.UnknownActivity: Row(
        404,
        "unknown_activity",
        "没有活动 {activity}。请核对编号。",
        "There is no activity {activity}. Please check the code.",
    ),
    errors.ActivityExists: Row(
        409,
        "activity_exists",
        "已有活动 {activity}。请换一个编号，或不填编号。",
        "There is an activity {activity} already. Please choose another code, or none.",
    ),
    errors.ActivityCancelled: Row(
        409,
        "activity_cancelled",
        "活动 {activity} 已取消。请看看别的活动。",
        "The activity {activity} has been cancelled. Please look for another one.",
    ),
    errors.ActivityClosed: Row(
        409,
        "activity_closed",
        "活动 {activity} 已经核对人数结束，不能再改。有出入请找组织的负责人更正。",
        "The activity {activity} has been closed and does not change any more. If something is wrong, please ask the"
        " organisation to correct it.",
    ),
    errors.ActivityBegun: Row(
        409,
        "activity_begun",
        "活动 {activity} 已经开始，或已有人签到，不能再改。结束时请核对人数。",
        "The activity {activity} has begun, or somebody has signed in: it cannot be changed. Please close it with its"
        " head count when it is over.",
    ),
    errors.ActivityNotUnderWay: Row(
        409,
        "activity_not_under_way",
        "现在还不是活动 {activity} 的签到时间。请在 {opens_at} 至 {ends_at} 之间来。",
        "The activity {activity} is not under way. Please come between {opens_at} and {ends_at}.",
    ),
    errors.NoInsurance: Row(
        409,
        "no_insurance",
        "活动 {activity} 有人身危险，还没有保险单号，不能签到。请领队先办保险，填上保单号。",
        "The activity {activity} has bodily risk and no insurance yet, so nobody can sign in. The leader has to name"
        " the policy first.",
    ),
    errors.CodeStale: Row(
        409,
        "code_stale",
        "这个码已经过期，或不是这个活动的。请再扫一次领队屏幕上的码。",
        "This code has run out, or is another activity's. Please scan the one on the leader's screen.",
    ),
    errors.StruckOut: Row(
        409,
        "struck_out",
        "领队已把您从活动 {activity} 的名单上划去。您在现场的话，请找领队。",
        "The leader has struck you off the list of {activity}. If you are there, please talk to the leader.",
    ),
    errors.TrainingNeeded: Row(
        409,
        "training_needed",
        "参加活动 {activity} 要先通过“{training}”。请先参加培训，或请工作人员登记。",
        "The activity {activity} takes the training {training}. Please take it first, or ask the staff to record it.",
    ),
    errors.AlreadySignedIn: Row(
        409,
        "already_signed_in",
        "您还签在活动 {activity} 里（{since} 签到）。请先在那里签退。",
        "You are still signed in to the activity {activity}, since {since}. Please sign out there first.",
    ),
    errors.TooManyPairs: Row(
        409,
        "too_many_pairs",
        "同一活动一天最多签到 {most} 次。以后的时间请和领队说明。",
        "One signs in to an activity at most {most} times a day. Please talk to the leader.",
    ),
    errors.ActivityFull: Row(
        409,
        "activity_full",
        "活动 {activity} 的 {capacity} 个名额已满。谢谢您来，请看看别的活动。",
        "All {capacity} places of the activity {activity} are taken. Thank you for coming; please look for another.",
    ),
    errors.TooManyByLeader: Row(
        409,
        "too_many_by_leader",
        "领队代签的人不能超过 {share}%，现在是 {present} 人中的 {by_leader} 人。请有手机的人先自己扫码签到。",
        "A leader may sign in {share} percent of the people; this would be {by_leader} of {present}. Please let those"
        " with a phone sign in first.",
    ),
    errors.NotSignedIn: Row(
        409,
        "not_signed_in",
        "没有在活动 {activity} 签到，所以不能签退。请先签到。",
        "There is no sign-in to the activity {activity} that could be ended. Please sign in first.",
    ),
    errors.HeadCountDiffers: Row(
        409,
        "head_count_differs",
        "点到 {head_count} 人，名单上签到的是 {signed_in} 人。请再点一次；不在场的请划去，在场没签到的请补签。",
        "You counted {head_count} people, and {signed_in} are signed in. Please count again, strike out who is not"
        " there and sign in who is.",
    ),
    errors.UnknownMember: Row(
        404,
        "unknown_member",
        "这位志愿者不是组织 {organisation} 的成员。请核对编号。",
        "This volunteer is no member of the organisation {organisation}. Please check the number.",
    ),
    errors.AlreadyMember: Row(
        409,
        "already_member",
        "这位志愿者已经是组织 {organisation} 的成员。要改职务，请用“改职务”。",
        "This volunteer is a member of the organisation {organisation} already. Please change the role instead.",
    ),
    errors.UnknownQualification: Row(
        404,
        "unknown_qualification",
        "没有登记这项资格：{name}。请核对名称和日期。",
        "No such qualification is recorded: {name}. Please check its name and day.",
    ),
    errors.UnknownGuardian: Row(
        404,
        "unknown_guardian",
        "志愿者 {volunteer} 没有登记监护人。请先登记。",
        "No guardian of the volunteer {volunteer} is recorded. Please record one first.",
    ),
    errors.TooYoung: Row(
        409,
        "too_young",
        "年满 {least_age} 周岁才能参加。请换一项合适的活动。",
        "This is for people of {least_age} years and older. Please choose another activity.",
    ),
    errors.GuardianConsentNeeded: Row(
        409,
        "guardian_consent_needed",
        "未满 {age} 周岁，须先登记监护人的同意。请带监护人到服务站办理。",
        "Below the age of {age} a guardian has to consent first. Please come to the service station together.",
    ),
    errors.CompanyNeeded: Row(
        409,
        "company_needed",
        "未满 {age} 周岁，须有大人陪同。请由陪同的大人一起签到。",
        "Children below the age of {age} are accompanied by an adult. Please sign in together.",
    ),
    errors.NotAllowed: Row(403, "not_allowed", "您没有权限做这件事。", "You are not allowed to do this."),
}

# What keeps the service or a command from starting: (Chinese, English).
FAULTS: Final[dict[type[Fault], tuple[str, str]]] = {
    errors.SettingInvalid: (
        "设置 {name} 不能用：{problem}。请改正后再启动。",
        "The setting {name} cannot be used: {problem}.",
    ),
    errors.TooBusy: (
        "系统忙，有 {waiting} 行账在等。请稍后原样再试，不会重复记账。",
        "The service is busy: {waiting} lines wait. Please send the same again shortly, nothing is posted twice.",
    ),
    errors.CannotDecrypt: (
        "存着的个人信息（{what}）打不开。请核对 MEIDE_IDENTITY_KEYS 是否包括以前用过的密钥；若都在，请查是谁改了数据。",
        "Stored personal data ({what}) do not open. Check that MEIDE_IDENTITY_KEYS still names every key that was used;"
        " if it does, find out who changed the data.",
    ),
    errors.PortTaken: (
        "{host} 的端口 {port} 已被别的程序占用。请换一个，例如 --port {another}（或 make demo PORT={another}）。",
        "Port {port} on {host} is taken by another program. Choose another one, for example --port {another}"
        " (or make demo PORT={another}).",
    ),
    errors.CannotListen: (
        "不能在 {host} 的端口 {port} 上提供服务：{reason}。请核对 --host 和 --port。",
        "Cannot listen on {host}, port {port}: {reason}. Check --host and --port.",
    ),
    errors.DatabaseRefused: (
        "数据库没有照办：{reason}。请核对数据库的地址、角色和权限。",
        "The database refused: {reason}. Check its address, its roles and their privileges.",
    ),
    errors.DemoNeedsOwnServer: (
        "演示只用自带的数据库。请先取消 MEIDE_DATABASE_URL。",
        "The demo uses its own database only. Unset MEIDE_DATABASE_URL first.",
    ),
    errors.NothingPublished: (
        "账本 {book} 的日志还没有公布过检查点，没有可以导出的内容：可能账本里还没有任何记录，也可能签名设置有问题。",
        "No checkpoint of the log of the book {book} has been published, so there is nothing to export: nothing has"
        " been recorded yet, or the signer's settings are wrong.",
    ),
    errors.FolderNotEmpty: (
        "目录 {folder} 不是空的。请换一个空目录，或一个还没有的目录。",
        "The folder {folder} is not empty. Choose an empty one, or one that does not exist yet.",
    ),
    errors.CannotWrite: (
        "写不进目录 {folder}：{reason}。里面已有的文件不完整，不能当作审计包。",
        "The folder {folder} cannot be written: {reason}. What is in it is not a package.",
    ),
    errors.DataFolderInUse: (
        "数据目录 {folder} 已有一个服务在用（进程 {pid}）。请先停掉它，或用 MEIDE_DATA 换一个目录。",
        "The data folder {folder} is in use by another service (process {pid})."
        " Stop it first, or choose another folder with MEIDE_DATA.",
    ),
    errors.DataFolderUnusable: (
        "数据目录 {folder} 不能用：{reason}。请用 MEIDE_DATA 换一个目录。",
        "The data folder {folder} cannot be used: {reason}. Choose another one with MEIDE_DATA.",
    ),
    errors.OtherMajorVersion: (
        "数据目录 {folder} 是 PostgreSQL {found} 的，本程序带的是 {needed}。"
        "请用原来的版本导出（meide pg pg_dump -Fc），再用本版本在新目录里导入（meide pg pg_restore），"
        "并带上原目录 secrets 里的密钥。",
        "The data folder {folder} was made by PostgreSQL {found}, this version brings {needed}."
        " Dump it with the version that made it (meide pg pg_dump -Fc), restore it with this version into a new folder"
        " (meide pg pg_restore), and take the keys in secrets/ along.",
    ),
    errors.ServerWouldNotStart: (
        "自带的 PostgreSQL 启动不了：{reason}（详见 {log}）。",
        "The embedded PostgreSQL would not start: {reason} (see {log}).",
    ),
    errors.DatabaseUnreachable: (
        "连不上数据库 {where}：{reason}。请核对地址，并看它是否在运行。",
        "The database {where} cannot be reached: {reason}. Check the address and that it is running.",
    ),
    errors.DatabaseTooOld: (
        "数据库是 PostgreSQL {version}，至少需要 {needed}。",
        "The database is PostgreSQL {version}; at least {needed} is needed.",
    ),
    errors.OwnerMayNotServe: (
        "{role} 是账本的主人或超级用户，不能用来提供服务。MEIDE_DATABASE_URL 请用普通的服务角色。",
        "{role} owns the journal or is a superuser and may not serve. Give MEIDE_DATABASE_URL the service's own role.",
    ),
    errors.SchemaBehind: (
        "数据库结构是 {found}，本版本需要 {needed}。请先运行：meide migrate",
        "The database's schema is {found}, this version needs {needed}. Run: meide migrate",
    ),
    errors.SchemaAhead: (
        "数据库已由更新的版本升级到 {found}。请用那个版本启动。",
        "The database was migrated by a newer version, to {found}. Start that version.",
    ),
    errors.LogDamaged: (
        "封存的账目记录有缺失（第 {level} 层第 {tile} 块）。请运行 meide check 查明，并查是谁改了数据。",
        "The sealed log lacks hashes (level {level}, tile {tile}). Run meide check, and find out who changed the data.",
    ),
    errors.LogRolledBack: (
        "不能签：{origin} 已签到 {signed} 条，现在却只有 {size} 条，数据库可能恢复成了旧备份。"
        "请把缺的账补回（恢复更新的备份）；补不回来的，只能另立一份新的记录：设置新的 MEIDE_LOG_ORIGIN，并向大家说明。",
        "Not signed: {signed} leaves of {origin} were signed before, and now it has only {size}; an older backup may"
        " have been restored. Bring back what is missing (restore a newer backup); where that cannot be, begin a new"
        " log: set another MEIDE_LOG_ORIGIN, and tell everybody why.",
    ),
    errors.LogInconsistent: (
        "不能签：{origin} 现有 {size} 条，但前 {signed} 条已不是当初签过的，数据被改过，或恢复旧备份后又记了新账。"
        "请运行 meide check 查明并恢复原来的数据；恢复不了的，只能另立一份新的记录：设置新的 MEIDE_LOG_ORIGIN，"
        "并向大家说明。",
        "Not signed: {origin} has {size} leaves, but the first {signed} are not those that were signed before; data"
        " were changed, or an older backup was restored and gone on with. Run meide check and bring the data back;"
        " where that cannot be, begin a new log: set another MEIDE_LOG_ORIGIN, and tell everybody why.",
    ),
    errors.SignerUnusable: (
        "签名状态 {file} 不能用：{reason}。请用 MEIDE_LOG_STATE 指定一个可写的目录；文件若已损坏，请从备份恢复，"
        "没有它就不知道签过什么。",
        "What the signer keeps in {file} cannot be used: {reason}. Let MEIDE_LOG_STATE name a folder that can be"
        " written; if the file is damaged, bring it back: without it nobody knows what was signed.",
    ),
}


# What the words for faulty fields mean, where a person may wonder: (Chinese, English).
FIELD_PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "not_csv": ("不是规范的 CSV，或不是 UTF-8：请另存为“CSV UTF-8”", "not CSV in UTF-8: save it as “CSV UTF-8”"),
    "not_a_whole_number": ("须是整数，没有则写 0", "a whole number is needed, 0 for none"),
    "not_a_code": ("只能用字母、数字和 . _ -", "letters, digits and . _ - only"),
    "not_an_account_code": ("只能用字母、数字和 . _ -", "letters, digits and . _ - only"),
    "same_as_before": ("不能和原来的一样", "it must differ from the one before"),
    "out_of_range": ("超出范围", "out of range"),
    "too_recent": ("须在 30 秒以前", "at least 30 seconds ago"),
    "not_a_name": ("须是一行，1 到 64 个字", "one line of 1 to 64 characters"),
    "not_a_phone": ("须是 11 位手机号码", "a mobile phone number of 11 digits"),
    "not_an_id_number": (
        "须是 18 位居民身份证号码，请核对每一位",
        "a resident identity number of 18 digits; please check each of them",
    ),
    "differs_from_id_number": ("与身份证号码里的出生日期不同", "not the day of birth in the identity number"),
    "in_the_future": ("不能晚于今天", "not after today"),
    "not_a_reason": ("须写明理由，4 到 200 个字", "a reason of 4 to 200 characters is needed"),
    "needs_guardian": ("须由监护人同意", "a guardian has to consent"),
    "formula_without_value": (
        "公式还没有算出结果。请在表格软件里打开，保存后再导入",
        "a formula without its result: open the file in a spreadsheet program and save it",
    ),
    "number_lost_digits": (
        "超过15位的数字在表格里已失去末尾几位。请把这一列设为文本，重新填写",
        "a number of more than 15 digits has lost the last of them: make this column text and enter it anew",
    ),
    "not_a_level": ("只能用小写英文字母和 _，如 community", "small letters and _ only, like community"),
    "not_a_status": ("须是 active、suspended 或 exited", "active, suspended or exited"),
    "not_a_role": ("须是 leader、deputy、member 或 liaison", "leader, deputy, member or liaison"),
    "not_a_relation": ("须是 parent、grandparent、sibling 或 other", "parent, grandparent, sibling or other"),
    "before_it_began": ("不能早于开始的日期", "not before it began"),
    "not_a_qualification": ("须是一行，1 到 100 个字", "one line of 1 to 100 characters"),
    "picture_too_large": (
        "照片太大，请把相机的照片调小，或者输入数字",
        "the picture is too large: set the camera to smaller pictures, or type the digits",
    ),
    "not_a_picture": (
        "不是完整的 JPEG、PNG 或 WebP 照片，请重拍",
        "not a whole JPEG, PNG or WebP picture: please take it again",
    ),
    "in_the_past": ("不能早于今天", "not before today"),
    "too_far_ahead": ("最多到 366 天以后", "at most 366 days ahead"),
    "before_from": ("不能早于开始的那一天", "not before the first day"),
    "needs_days": ("须同时写明从哪一天、到哪一天", "only within a range of days: say from and to"),
    "perks_cost_nothing": ("专享礼不扣分，请填 0", "a perk costs nothing: 0"),
    "no_stock_of_services": ("服务没有库存，由商家提供", "services have no stock: a merchant gives them"),
    "only_of_services": ("只有服务可以做成免单券", "only services can be vouchers"),
    "only_of_vouchers": ("只有免单券可以转送", "only vouchers can be given away"),
    "not_person_or_household": ("须是 person 或 household", "person or household"),
    "not_a_period": ("须是 day、week、month、quarter 或 year", "day, week, month, quarter or year"),
    "another_number": (
        "与以前导入的件数不同；多来的请在库存里收货",
        "another number was imported before; receive what has come since in the stock",
    ),
    "not_a_quota": (
        "须写成 2/month；时间用 day、week、month、quarter 或 year",
        "written as 2/month, with day, week, month, quarter or year",
    ),
    "not_an_origin": ("须是 donated、bought 或 merchant", "donated, bought or merchant"),
    "not_a_note": ("须是一行，不超过 200 个字", "one line of at most 200 characters"),
    "not_a_tile": ("须写成 0/x001/067 或 0/x001/067.p/8", "written as 0/x001/067 or 0/x001/067.p/8"),
    "not_in_the_tree": ("须小于条数", "below the size"),
    "after_the_end": ("不能大于 to", "not above to"),
    "line_too_long": ("这里有一条超过 65535 字节，请用审计包", "a line has more than 65,535 bytes: take the package"),
    "not_a_month": ("须写成 2025-03", "written as 2025-03"),
}


# Why a sheet cannot be read as a whole: (Chinese, English); braces hold the detail.
SHEET_PROBLEMS: Final[dict[str, tuple[str, str]]] = {
    "missing_columns": ("缺少这些列，或有重复的列：{detail}", "these columns are missing, or there twice: {detail}"),
    "not_a_workbook": (
        "不是 XLSX 表格。请另存为 XLSX 或“CSV UTF-8”",
        "it is no XLSX workbook; save it as XLSX or as “CSV UTF-8”",
    ),
    "damaged": ("文件已损坏。请重新导出", "it is damaged; export it again"),
    "protected": (
        "是加密的或旧版 XLS 文件。请去掉密码，另存为 XLSX",
        "it is encrypted, or an old XLS file; take the password off and save it as XLSX",
    ),
    "too_large": ("展开后太大。请分成几个文件", "it is too large when unpacked; split it into several files"),
}


def sentence(refusal: Refusal, language: Language) -> str:
    """What happened and what to do, for a person."""
    row = REFUSALS[type(refusal)]
    if isinstance(refusal, errors.InvalidField) and refusal.problem in FIELD_PROBLEMS:
        problem = f"{refusal.problem}: {FIELD_PROBLEMS[refusal.problem][language == 'en']}"
        return (row.zh if language == "zh" else row.en).format(field=refusal.field, problem=problem)
    if isinstance(refusal, errors.UnreadableSheet):
        problem = SHEET_PROBLEMS[refusal.problem][language == "en"].format(detail=refusal.detail)
        return (row.zh if language == "zh" else row.en).format(file=refusal.file, problem=problem)
    about = {name: _in_words(fact, language) for name, fact in facts(refusal).items()}
    return (row.zh if language == "zh" else row.en).format(**about)


def _in_words(fact: Any, language: Language) -> Any:
    if fact is None:
        return ("无", "none")[language == "en"]
    return f"{fact.astimezone(BEIJING):%Y-%m-%d %H:%M}" if isinstance(fact, datetime) else fact


def fault_sentence(fault: Fault, language: Language) -> str:
    """What is not as it must be and what to do, for a person."""
    about = dict(fault.facts())
    if isinstance(fault, errors.PortTaken):
        about["another"] = fault.port + 1
    return FAULTS[type(fault)][language == "en"].format(**about)


def code(refusal: Refusal) -> str:
    """The stable word for programs."""
    return REFUSALS[type(refusal)].code


def facts(refusal: Refusal) -> dict[str, Any]:
    """The facts of a refusal as an answer may show them: a conflict shows the field, not the calls."""
    if isinstance(refusal, errors.IdempotencyConflict):
        return {"key": refusal.key, "field": calls.first_difference(refusal.earlier_call, refusal.call)}
    return dict(refusal.facts())


def document(refusal: Refusal, language: Language) -> dict[str, Any]:
    """The problem document of a refusal."""
    faults = []
    if isinstance(refusal, errors.InvalidField):
        faults = [{"field": refusal.field, "problem": refusal.problem}]
    return row_document(REFUSALS[type(refusal)], sentence(refusal, language), faults, facts(refusal))


def row_document(row: Row, detail: str, faults: list[dict[str, str]], about: dict[str, Any]) -> dict[str, Any]:
    """The problem document of a row, with the facts beside the standard members."""
    problem = Problem(
        type=f"/problems/{row.code}",
        title=row.code.replace("_", " ").capitalize(),
        status=row.status,
        detail=detail,
        code=row.code,
        errors=faults,
    )
    return {**about, **msgspec.to_builtins(problem)}

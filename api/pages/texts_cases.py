"""What the pages about disputed redemptions, alarms and signals say, in Chinese and English."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "tile_cases": ("不是本人兑换的", "Disputed redemptions"),
    "tile_cases_about": ("志愿者说不是自己兑换的，两个人来处理", "What volunteers did not redeem: two people decide"),
    "tile_alarms": ("异常提醒", "Alarms"),
    "tile_alarms_about": (
        "试码、异地、超限和本月的异常",
        "Guessed codes, distant shops, and what looks odd this month",
    ),
    # --- cases
    "cases": ("不是本人兑换的", "Disputed redemptions"),
    "cases_intro": (
        "志愿者说下面的兑换不是本人办的。积分先留着，不给商户，也不退。要两个人看法一致才算数。",
        "Volunteers say that they did not redeem these. The points are kept, from the shop and from her, until two"
        " people agree.",
    ),
    "cases_none": ("没有这样的兑换。", "There are none."),
    "cases_which": ("看哪些", "Which to show"),
    "cases_open": ("待处理", "Open"),
    "cases_decided": ("已处理", "Decided"),
    "cases_all": ("全部", "All"),
    "cases_see": ("查看", "Look at it"),
    "case_of": ("{day} 在 {outlet} 的兑换", "A redemption on {day} at {outlet}"),
    "case_open": ("还没有人提意见", "Nobody has proposed a decision"),
    "case_proposed": ("等第二个人", "Waits for the second person"),
    "case_upheld": ("已退还给志愿者", "Her points were given back"),
    "case_rejected": ("已结给商户", "The shop is owed its points"),
    "case_volunteer": ("志愿者", "Volunteer"),
    "case_shop": ("兑换点", "Shop"),
    "case_till": ("收银设备", "Till"),
    "case_till_of": ("{till} 号", "No. {till}"),
    "case_clerk": ("店员", "Clerk"),
    "case_when": ("兑换时间", "Redeemed at"),
    "case_means": ("凭什么兑换", "Redeemed by"),
    "case_points": ("留着的积分", "Points kept"),
    "case_goods": ("兑换了什么", "What was redeemed"),
    "case_goods_line": ("{name} × {quantity}：{points}", "{name} × {quantity}: {points}"),
    "case_she": ("志愿者怎么说", "What she says"),
    "case_she_nothing": ("只说不是本人兑换的。", "Only that she did not redeem it."),
    "case_said_on": ("{moment} 提出", "Raised {moment}"),
    "case_shop_says": ("商户怎么说", "What the shop says"),
    "case_shop_nothing": ("还没有问。", "Nobody has asked yet."),
    "case_answer": ("商户的说法", "The shop's words"),
    "case_answer_note": ("记下来", "Note it"),
    "case_answered": ("已记下。", "It has been noted."),
    "case_story": ("处理经过", "What happened"),
    "case_line_proposed_true": (
        "{who} 认为应当退还：{reason}（{moment}）",
        "{who} would give the points back: {reason} ({moment})",
    ),
    "case_line_proposed_false": (
        "{who} 认为是本人兑换：{reason}（{moment}）",
        "{who} holds that she redeemed it: {reason} ({moment})",
    ),
    "case_line_decided": ("{who} 同意（{moment}）", "{who} agreed ({moment})"),
    "case_propose": ("提出处理意见", "Propose a decision"),
    "case_propose_about": (
        "问清双方再提。另一位同事同意以后才办。",
        "Ask both sides first. It is done when a colleague has agreed.",
    ),
    "case_reason": ("理由（4 到 200 字）", "Reason (4 to 200 characters)"),
    "case_uphold": ("应当退还积分", "Give the points back"),
    "case_reject": ("是本人兑换，不退", "She redeemed it: do not"),
    "case_agree_about": (
        "您同意就办，不能撤回。不同意，意见就撤下，可以重新提。",
        "If you agree it is done, and cannot be undone. If not, the proposal is gone and another may be made.",
    ),
    "case_agree": ("同意", "I agree"),
    "case_disagree": ("不同意", "I do not agree"),
    "case_proposed_done": ("意见已提出，等另一位同事。", "Proposed. A colleague will look at it."),
    "case_decided_done": ("已办好。", "It is done."),
    "case_disagreed_done": ("意见已撤下。", "The proposal is gone."),
    "case_not_yours": (
        "这件事与您有关，请别的同事处理。",
        "You had a hand in this yourself: a colleague decides.",
    ),
    "case_waits_for_colleague": (
        "您已提出意见，等另一位同事。您可以改变意见。",
        "You have proposed a decision; a colleague will look at it. You may change your mind.",
    ),
    # --- alarms
    "alarms": ("异常提醒", "Alarms"),
    "alarms_intro": (
        "系统自己发现的情况。看过、问过以后，点“已看过”。",
        "What the rules noticed by themselves. Look into each, then say that you have seen it.",
    ),
    "alarms_none": ("没有新的提醒。", "There are no new alarms."),
    "alarm_unknown_codes": ("连续输入无效的码", "Codes that are none"),
    "alarm_far_apart": ("相距很远的两处兑换", "Two distant shops"),
    "alarm_over_shop_day": ("超过每日限额", "Limit of the day reached"),
    "alarm_over_pair": ("同一人在同一处太多次", "One person too often at one shop"),
    "alarm_disputed": ("不是本人兑换", "Not redeemed by her"),
    "alarm_where": ("{outlet}，{moment}", "{outlet}, {moment}"),
    "alarm_till": ("{till} 号收银设备", "Till {till}"),
    "alarm_times": ("{times} 次", "{times} times"),
    "alarm_see": ("已看过", "I have seen it"),
    "alarm_seen": ("已标记为看过。", "Marked as seen."),
    "alarm_seen_by": ("{who} {moment} 看过", "Seen by {who}, {moment}"),
    "alarms_all": ("也看已看过的", "Those that were seen too"),
    "alarms_new": ("只看新的", "Only the new ones"),
    # --- signals
    "signals": ("{month} 的异常", "What looks odd in {month}"),
    "signals_about": (
        "按规则算出来的，只供留意，不说明谁做错了。",
        "Found by rules, to be looked into. They prove nothing against anybody.",
    ),
    "signals_none": ("这个月没有异常。", "Nothing looks odd in this month."),
    "signal_last": ("最近一次 {moment}", "The last one {moment}"),
    "signals_month": ("月份（如 2026-11）", "Month (such as 2026-11)"),
    "signals_show": ("查看这个月", "Show this month"),
    "signal_burst": ("一分钟内连续兑换", "One after another"),
    "signal_one_person": ("一个人占了大部分", "One person's large share"),
    "signal_fresh_points": ("积分刚到就花", "Points spent at once"),
    "signal_night": ("夜里兑换", "At night"),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {
    "answer": ("商户的说法", "The shop's words"),
    "words": ("您的说明", "What you say"),
    "month": ("月份", "Month"),
}

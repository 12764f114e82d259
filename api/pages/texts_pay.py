"""What the pages about her pay code and her redemptions say."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    # --- the code
    "show_code": ("出示积分码", "Show my pay code"),
    "code": ("积分码", "Pay code"),
    "code_do": ("请店员扫这个码", "Ask the clerk to scan this code"),
    "code_square": ("积分码，给店员扫", "Pay code, for the clerk to scan"),
    "code_bars": ("同一个码的条形码", "The same code as a barcode"),
    "code_left": ("还有 {seconds} 秒，到时自动换新码。", "{seconds} seconds left, then a new one comes by itself."),
    "code_minute": (
        "这个码一分钟内有效，只能用一次，会自动换新。",
        "This code is good for a minute and for one time; a new one comes by itself.",
    ),
    "code_offline": (
        "现在没有网络，这个码可能已经过期。连上网会自动换新码。",
        "There is no network now, and this code may be over. A new one comes when you are connected again.",
    ),
    "code_new": ("换一个新码", "Take a new code"),
    "code_digits": ("扫不了？", "It cannot be scanned?"),
    "code_digits_do": (
        "让店员看着屏幕输入这 18 位数字：",
        "Let the clerk type these 18 digits from your screen:",
    ),
    "code_digits_never": (
        "不要在电话里把数字念给任何人，也不要发给别人。打电话来要数字的都是骗子。",
        "Never read the digits to anybody on the telephone and never send them. Whoever calls and asks for them is a"
        " swindler.",
    ),
    "code_balance": ("我的积分（按一下收起或打开）", "My points (press to hide or show)"),
    # --- quoted
    "quoted": ("店员扫到了，请核对", "The clerk has scanned it. Please compare"),
    "quoted_do": (
        "店里的屏幕上也有这两个字，一样才对。不一样就告诉店员，不要兑换。",
        "The shop's screen shows the same two characters. If they differ, tell the clerk and do not redeem.",
    ),
    "quoted_wrong": ("不对，换一个新码", "It is wrong, take a new code"),
    "word": ("对码词", "Matching word"),
    # --- waiting for her
    "waiting_do": (
        "店里等您按“确认”。不按就不兑换，积分不动。到 {time} 为止。",
        "The shop waits for you to press Confirm. If you do not, nothing is redeemed. Until {time}.",
    ),
    "confirm": ("确认", "Confirm"),
    "decline": ("不是我", "It is not me"),
    # --- what became of it
    "redemption_waiting": ("请您确认", "Please confirm"),
    "redemption_done": ("兑换成功", "Redeemed"),
    "redemption_declined": (
        "您没有同意，没有兑换，积分没有动",
        "You said no: nothing was redeemed",
    ),
    "redemption_lapsed": ("没有按时确认，没有兑换，积分没有动", "Not confirmed in time: nothing was redeemed"),
    "redemption_cancelled": ("已经撤销，积分退给您了", "Cancelled, and you have your points back"),
    "redemption_refunded": ("有退货，积分退给您了", "Goods came back, and you have their points back"),
    "balance_left": ("您现在还有", "You now have"),
    "redemption": ("兑换凭证", "Receipt"),
    "redemption_shop": ("在哪里", "Where"),
    "redemption_goods": ("换了什么", "What"),
    "redemption_points": ("多少积分", "Points"),
    "redemption_when": ("什么时候", "When"),
    "redemption_clerk": ("经办人", "Clerk"),
    "redemption_means": ("凭什么", "By"),
    "redemption_number": ("小票号", "Receipt number"),
    "redemption_line": ("{name} × {quantity}", "{name} × {quantity}"),
    "redemption_returned": ("其中退了 {pieces} 件", "{pieces} of them came back"),
    "redemption_back": ("退回", "Given back"),
    "means_code": ("积分码", "Pay code"),
    "means_card": ("志愿者卡和密码", "Card and PIN"),
    "means_ticket": ("一次性兑换票", "One-time ticket"),
    "means_voucher": ("免单券", "Voucher"),
    "by_voucher": ("用券，不扣积分", "By voucher, no points"),
    "redemption_cancelled_voucher": ("已经撤销，券退给您了", "Cancelled, and you have your voucher back"),
    "redemption_agent": ("有人替您办的", "Somebody acted for you"),
    "refund_cancel": ("{moment} 撤销，退回 {points}", "Cancelled {moment}: {points} given back"),
    "refund_refund": ("{moment} 退货，退回 {points}", "Returned {moment}: {points} given back"),
    "refund_case": ("{moment} 查实不是您兑换的，退回 {points}", "Found not to be yours {moment}: {points} given back"),
    # --- it was not her
    "dispute": ("不是我兑换的", "I did not redeem this"),
    "dispute_about": (
        "如果不是您本人兑换的，请在 {day} 以前按这里。这笔积分先不付给店家，由两位工作人员查清楚。",
        "If it was not you, press here until {day}. The shop is not paid for it until two members of the staff have"
        " looked into it.",
    ),
    "disputed": (
        "您说过这不是您兑换的，工作人员正在查。",
        "You said that you did not redeem this. The staff are looking into it.",
    ),
    # --- all of them
    "redeemed_waiting": ("请您确认", "Waits for you"),
    "redeemed_done": ("兑换成功", "Redeemed"),
    "redeemed_declined": ("您没有同意", "You said no"),
    "redeemed_lapsed": ("没有按时确认", "Not confirmed in time"),
    "redeemed_cancelled": ("已撤销", "Cancelled"),
    "redeemed_refunded": ("有退货", "Goods came back"),
    "list_comma": ("、", ", "),
    "my_redemptions": ("我的兑换", "My redemptions"),
    "my_redemptions_none": (
        "还没有兑换过。到店里出示积分码，就能换东西。",
        "You have not redeemed anything yet. Show your pay code in a shop to get something.",
    ),
}

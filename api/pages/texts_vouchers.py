"""What the pages about her vouchers say."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "my_vouchers": ("我的券", "My vouchers"),
    "vouchers_about": (
        "免单券：先用积分买下，以后到店里用，不再扣积分。",
        "A voucher: you pay with points now and have the service later, without paying again.",
    ),
    "vouchers_none": ("您现在没有可用的券。", "You have no voucher to use."),
    "voucher_until": ("用到 {day} 为止", "Until {day}"),
    "voucher_last_day": ("最后一天", "Last day"),
    "voucher_paid": ("买时用了", "Paid"),
    "voucher_gift": ("可以送人", "May be given away"),
    "voucher_show": ("出示", "Show"),
    "voucher_bought": ("买好了，券在下面。", "Bought: you find it below."),
    "vouchers_for_sale": ("可以买的券", "What you can buy"),
    "vouchers_not_for_sale": (
        "现在没有可以买的券。",
        "There are no vouchers to buy at the moment.",
    ),
    "voucher_not_for_sale": ("这种券现在买不了。", "This voucher cannot be bought at the moment."),
    "voucher_price": ("{points}，买后 {days} 天内可用", "{points}, good for {days} days"),
    "voucher_places": ("在哪里能用", "Where it is used"),
    "voucher_look": ("买这个", "Buy this"),
    "voucher_look_at": ("买这个：{name}", "Buy this: {name}"),
    "vouchers_ended": ("用过的和过期的", "Used and expired"),
    "voucher_used": ("已经用了", "Used"),
    "voucher_expired": ("已经过期", "Expired"),
    "voucher_ended": ("{state}，{moment}", "{state}, {moment}"),
    "vouchers_older": ("以前的券", "Earlier vouchers"),
    # --- buying
    "voucher_new": ("买免单券", "Buy a voucher"),
    "voucher_what": ("买什么", "What"),
    "voucher_costs": ("要多少积分", "Points"),
    "voucher_days": ("多久能用", "How long"),
    "voucher_days_are": ("从今天起 {days} 天", "{days} days from today"),
    "voucher_have": ("您现在有", "You have"),
    "voucher_rule": (
        "过期没用，积分不退。",
        "What is not used by its last day is lost, and its points are not given back.",
    ),
    "voucher_gift_rule": (
        "这种券谁拿着谁能用，可以送给别人。",
        "Whoever holds this voucher can use it: you may give it to somebody.",
    ),
    "voucher_own_rule": ("这种券只有您自己能用。", "Only you can use this voucher."),
    "voucher_buy": ("用 {points} 买下", "Buy it for {points}"),
    "voucher_too_few": ("您的积分还不够，现在买不了。", "You have not enough points to buy it now."),
    # --- the code
    "voucher": ("免单券", "Voucher"),
    "voucher_square": ("免单券的码，给店员扫", "Code of the voucher, for the clerk to scan"),
    "voucher_gift_do": (
        "谁拿着这个码谁就能用，只能用一次。送人以前不要给别人看。",
        "Whoever has this code can use it, once. Until you give it away, show it to nobody.",
    ),
    "voucher_print": ("打印这张券", "Print this voucher"),
    "voucher_at_shop": ("到店里出示，店员扫一下，不扣积分。", "Show it in the shop: the clerk scans it."),
    "go_vouchers": ("我的券", "My vouchers"),
}

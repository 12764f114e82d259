"""What the pages say of the limits of spending."""

from __future__ import annotations

from typing import Final

from api import limits

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "limits": ("兑换限额", "Limits of spending"),
    "tile_limits": ("兑换限额", "Limits of spending"),
    "tile_limits_about": ("看现在的限额，起草、批准新的一版", "See the limits, draft or approve a new version"),
    "limits_today": ("现在的限额（第 {version} 版）", "The limits of today (version {version})"),
    "limits_default": ("现在的限额（系统原有）", "The limits of today (as the service comes)"),
    "limits_confirming": ("什么时候要本人确认", "When she has to confirm"),
    "limits_codes": ("积分码", "Pay codes"),
    "limits_shops": ("网点和收银设备", "Outlets and tills"),
    "limits_undoing": ("撤销、退回和申诉", "Cancelled, returned, disputed"),
    "limits_paper": ("卡、兑换票和代办", "Cards, tickets, and acting for another"),
    "limits_vouchers": ("免单券", "Vouchers"),
    "limits_signals": ("哪些兑换提示工作人员看一看", "What the staff are to look at"),
    "limits_versions": ("各版限额", "The versions"),
    "limits_none": ("还没有起草过限额，用的是系统原有的。", "No limits have been drafted: those of the service hold."),
    "limits_version": ("限额第 {version} 版", "Limits, version {version}"),
    "limits_new": ("起草新的限额", "Draft new limits"),
    "limits_from": ("从哪天起", "From"),
    "limits_changes": ("和今天的限额不同的地方", "What differs from the limits of today"),
    "limits_same": ("和今天的限额没有不同。", "They do not differ from the limits of today."),
    "limits_new_about": (
        "下面是现在用的限额。改好以后交给另一位工作人员批准；最早从明天起用，以前的兑换不受影响。",
        "Below are the limits of now. Change them and hand them to a colleague for approval. They begin tomorrow at "
        "the earliest; what was redeemed before stays as it is.",
    ),
    "limits_effective": ("从哪天起（写成 2027-01-01）", "First day (like 2027-01-01)"),
    "limits_bounds": ("可以写 {least} 到 {most}", "From {least} to {most}"),
    "go_limits": ("各版限额", "The versions of the limits"),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {
    f"limits_{name}": (limits.label("zh", name).rstrip("。…"), limits.label("en", name).rstrip("."))
    for name in limits.SENTENCES
}

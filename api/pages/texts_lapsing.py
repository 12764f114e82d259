"""What the pages say of points that lapse soon."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "soon": ("快到期的积分", "Points that lapse soon"),
    "soon_line": (
        "{points}：最晚 {day} 用，过了这一天就不能用了。",
        "{points}: use them by {day}. After that day they are gone.",
    ),
    "soon_more": ("还有 {points}，30 天内也会到期。", "And {points} more lapse within 30 days."),
    "tile_lapsing": ("快到期的积分", "Points that lapse soon"),
    "tile_lapsing_about": ("30 天内谁的积分到期，提醒他们用", "Whose points lapse within 30 days: remind them"),
    "lapsing": ("快到期的积分", "Points that lapse soon"),
    "lapsing_intro": (
        "下面的积分 30 天内到期。过了最后一天就不能再用，请提醒志愿者早点用。",
        "These points lapse within 30 days. After the last day nobody can spend them: please remind the volunteers.",
    ),
    "lapsing_until": ("最晚 {day} 用", "To be spent by {day}"),
    "lapsing_account": ("账户 {account}", "Account {account}"),
    "lapsing_none": ("30 天内没有积分到期。", "No points lapse within 30 days."),
    "lapsing_first": ("从头看起", "From the beginning"),
}

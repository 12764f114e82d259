"""What the pages say of star ladders, and of what is on record against somebody."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "ladders": ("星级标准", "What stars ask for"),
    "tile_ladders": ("星级标准", "What stars ask for"),
    "tile_ladders_about": ("看现在的标准，起草、批准新的一版", "See the ladder, draft or approve a new version"),
    "ladder_today": ("现在的标准（第 {version} 版）", "The ladder of today (version {version})"),
    "ladder_national": ("现在的标准（全国标准）", "The ladder of today (the national one)"),
    "ladder_versions": ("各版标准", "The versions"),
    "ladder_none": (
        "还没有起草过，用的是全国标准。",
        "None has been drafted: the national ladder holds.",
    ),
    "ladder_version": ("星级标准第 {version} 版", "Star ladder, version {version}"),
    "ladder_says": ("这一版的标准", "What it asks for"),
    "ladder_from": ("从哪天起", "From"),
    "ladder_changes": ("和今天的标准不同的地方", "What differs from the ladder of today"),
    "ladder_same": ("和今天的标准没有不同。", "It does not differ from the ladder of today."),
    "go_ladders": ("各版标准", "The versions of the ladder"),
    # --- what it would change
    "ladder_effect_see": ("看看会有多少人变", "See whose star would change"),
    "ladder_effect": ("第 {version} 版会带来什么", "What version {version} would change"),
    "ladder_effect_about": (
        "按{day}的时长计算，只是试算，谁的星级都没有变。",
        "Reckoned with the hours of {day}. This only shows what would be: nobody's star has changed.",
    ),
    "ladder_up": ("星级会升", "Would rise"),
    "ladder_down": ("星级会降", "Would fall"),
    "ladder_same_star": ("星级不变", "Would stay"),
    "ladder_people": ("{people} 人", "{people}"),
    "ladder_effect_stars": ("各星级的人数", "People by star"),
    "ladder_effect_line": ("{star}：现在 {before} 人，改后 {after} 人", "{star}: now {before}, then {after}"),
    # --- drafting
    "ladder_draft": ("起草新的星级标准", "Draft a new ladder"),
    "ladder_draft_about": (
        "下面是现在的标准，也可以从一个地方的例子开始。改好以后交给另一位工作人员批准；最早从明天起用，以前的星级不受影响。",
        "Below is the ladder of now; you can also begin from the example of a place. Change it and hand it to a "
        "colleague for approval. It begins tomorrow at the earliest; the stars of the days before stay.",
    ),
    "ladder_examples": ("从例子开始", "Begin from an example"),
    "ladder_effective": ("从哪天起（写成 2027-01-01）", "First day (like 2027-01-01)"),
    "ladder_name": ("这个标准叫什么", "What the ladder is called"),
    "ladder_levels": ("各星级的要求", "What each star asks for"),
    "ladder_levels_about": (
        "每行一个星级，从一星写起：小时,积分,注册满几个月,要不要逐级(yes),哪一级认定,另外的叫法。后面几格可以空着。"
        "表格另存为 CSV，可以整个粘贴进来。",
        "One star a line, the first star first: hours, points earned, months since registration, whether the star "
        "below must be awarded first (yes), who certifies, another name. All but the hours may be empty. A "
        "spreadsheet saved as CSV can be pasted here.",
    ),
    "ladder_classes": ("算哪些时长", "Which hours count"),
    "ladder_classes_credit": ("只算现场签到、签退的", "With check-in and check-out only"),
    "ladder_classes_credit_honour": ("补录的荣誉时长也算", "Honour hours, entered afterwards, too"),
    "ladder_classes_honour": ("只算荣誉时长", "Honour hours only"),
    "ladder_may_fall": ("时长冲减以后", "When hours are taken back"),
    "ladder_may_fall_yes": ("星级跟着降", "The star falls"),
    "ladder_may_fall_no": ("评上的星级保留", "A star that was awarded stays"),
    "ladder_year_hours": (
        "最近一年至少服务几小时（0 表示不要求）",
        "Hours in the past year, at least (0: none)",
    ),
    "ladder_standing_months": (
        "有不良记录以后几个月没有星级（0 表示不看）",
        "Months without a star after something is put on record (0: none)",
    ),
    "ladder_publicity_days": ("评定以前公示几个工作日", "Working days of public notice"),
    "ladder_objection_days": ("有异议的几个工作日内答复", "Working days to decide an objection"),
    # --- on record against somebody
    "marks": ("不良记录", "On record against her"),
    "marks_of": ("{number} 的不良记录", "On record against {number}"),
    "marks_none": ("没有不良记录。", "Nothing is on record."),
    "marks_not_counted": (
        "现在的星级标准不看不良记录：记在这里，不影响星级。",
        "The ladder of today does not ask for it: what stands here changes no star.",
    ),
    "mark_over": ("已经撤销", "Taken off"),
    "mark_put_by": ("记录", "Put there"),
    "mark_lifted_by": ("撤销", "Taken off"),
    "mark_lift": ("撤销这条记录", "Take it off"),
    "mark_new": ("记一条不良记录", "Put something on record"),
    "mark_why": ("什么事", "What it is about"),
    "mark_choose": ("请选择", "Please choose"),
    "mark_day": ("哪一天的事（写成 2026-11-05）", "The day that it happened (like 2026-11-05)"),
    "mark_do": ("记下来", "Put it on record"),
    "mark_put": ("记下来了。", "It is on record."),
    "mark_lifted": ("已经撤销，就当没有记过。", "It is taken off, as if it had never been there."),
    "ladder_proof_days": ("申请服务证明的几个工作日内答复", "Working days to answer who asks for a proof of service"),
    "ladder_proof_notice_days": ("服务证明在本单位公示几天", "Days for which the organisation shows an issued proof"),
}

WRONG: Final[dict[str, tuple[str, str]]] = {
    "not_hours": ("{field}：请写小时数，比如 100 或者 1.5。", "{field}: hours, please, like 100 or 1.5."),
    "falling": ("{field}：不能比前一星要求得少。", "{field}: no star asks for less than the one before."),
    "nothing_below": ("{field}：一星下面没有星级，不用逐级。", "{field}: below the first star there is none."),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {
    f"ladder_{name}": TEXTS[f"ladder_{name}"]
    for name in (
        *("name", "levels", "classes", "year_hours", "standing_months", "publicity_days", "objection_days"),
        *("may_fall", "proof_days", "proof_notice_days"),
    )
} | {
    "ladder_effective_from": ("从哪天起", "First day"),
    "ladder_year_minutes": TEXTS["ladder_year_hours"],
    "mark_why": TEXTS["mark_why"],
    "mark_marked_on": ("哪一天的事", "The day that it happened"),
}

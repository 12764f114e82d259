"""What the pages say of the rules of points."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "rules": ("积分规则", "Rules for points"),
    "go_rules": ("积分规则", "Rules for points"),
    "rules_none": (
        "现在还没有积分规则：服务时长照常记录，暂不计积分。",
        "There are no rules for points yet: hours of service are recorded, and earn no points for now.",
    ),
    "rules_since": ("第 {version} 版，从 {day} 的服务起用。", "Version {version}, for services from {day} on."),
    "rules_terms": ("怎么算、怎么用", "How it works"),
    "rules_kinds": ("哪类服务算哪一项", "Which item a service is"),
    "rules_kinds_about": (
        "服务按活动的类别归到一项。",
        "A service is the item that its category says.",
    ),
    "rules_others": ("其他类别", "All other categories"),
    "rules_no_points": ("不计积分", "no points"),
    "tile_rules": ("积分规则", "Rules for points"),
    "tile_rules_about": ("看各版规则，起草、批准新的一版", "See the versions, draft or approve a new one"),
    "rule_versions": ("积分规则的各版", "Versions of the rules"),
    "rule_version": ("第 {version} 版", "Version {version}"),
    "rule_open": ("打开看", "Open"),
    "rule_new": ("起草新的一版", "Draft a new version"),
    "rule_none": ("还没有起草过规则。", "No rules have been drafted yet."),
    "rule_draft": ("等待批准", "Waits for approval"),
    "rule_in_force": ("正在使用", "In force"),
    "rule_to_come": ("已批准，还没到日子", "Approved, its day is to come"),
    "rule_before": ("已被新的一版代替", "Replaced by a later version"),
    "rule_declined": ("没有采用", "Not adopted"),
    "rule_from": ("从哪天的服务起", "For services from"),
    "rule_note": ("说明", "Note"),
    "rule_first": ("这是第一版规则。", "These are the first rules."),
    "rule_changes": ("和第 {version} 版不同的地方", "What differs from version {version}"),
    "rule_same": ("和第 {version} 版没有不同。", "It does not differ from version {version}."),
    "rule_waits": (
        "这一版等待另一位工作人员批准。批准以前不起作用。",
        "This version waits for approval by a colleague. Until then it changes nothing.",
    ),
    "rule_mine": ("这是您起草的，须由别人批准。", "You drafted it: somebody else has to approve it."),
    "rule_only_read": ("您可以看，不能批准。", "You can read it, but not approve it."),
    "rule_approve": ("批准这一版", "Approve this version"),
    "rule_decline": ("不采用", "Do not adopt it"),
    "rule_withdraw": ("收回草稿", "Withdraw the draft"),
    "rule_new_about": (
        "下面是现在用的规则。改好以后交给另一位工作人员批准；最早从明天的服务起用，以前的服务不受影响。",
        "Below are the rules of now. Change them and hand them to a colleague for approval. They begin tomorrow at the "
        "earliest; what was served before stays as it is.",
    ),
    "rule_effective": ("从哪天的服务起（写成 2027-01-01）", "First day of service (like 2027-01-01)"),
    "rule_items": ("加减分项目表", "Table of items"),
    "rule_items_about": (
        "每行一项：编号,名称,种类,计法,分数,封顶,英文名。种类写 service、act、training、honour 或 deduction；"
        "计法写 per_hour 或 fixed；封顶写 80/day 这样，几个之间用分号。可以从电子表格另存为 CSV 再粘贴。",
        "One item a line. Categories are service, act, training, honour, deduction; how is per_hour or fixed; a cap is "
        "like 80/day, several with semicolons between them. A spreadsheet saved as CSV can be pasted here.",
    ),
    "rule_categories": ("服务类别表", "Table of categories"),
    "rule_categories_about": (
        "每行：类别,项目编号。类别写 * 表示其他所有类别。",
        "One a line: category, item. The category * stands for all others.",
    ),
    "rule_ladder": ("阶梯（可不填）", "Ladder (may be empty)"),
    "rule_ladder_about": (
        "按全年时长递减的算法。每行：到第几小时,几小时 1 分；最后一行第一格不填。",
        "A rate that falls with the hours of the year. One step a line: up to which hour, hours for a point; the last "
        "line begins empty.",
    ),
    "rule_expiry": ("积分有效期", "How long points last"),
    "rule_expiry_never": ("一直有效", "For ever"),
    "rule_expiry_days": ("若干天", "Some days"),
    "rule_expiry_month_end": ("到当月月底", "To the end of the month"),
    "rule_expiry_year_end": ("到当年年底", "To the end of the year"),
    "rule_expiry_nth_year_end": ("到第几年年底", "To the end of a later year"),
    "rule_expiry_n": ("多少天，或者第几年", "How many days, or which year"),
    "rule_notice_days": ("公示几个工作日", "Working days of public notice"),
    "rule_draft_do": ("交给别人批准", "Hand it in for approval"),
    "rule_line": ("{table}第 {line} 行", "{table}, line {line}"),
    "go_rule_versions": ("各版规则", "Versions of the rules"),
}

WRONG: Final[dict[str, tuple[str, str]]] = {
    "wrong_columns": (
        "{field}：第一行的列名不对。请照原来的写。",
        "{field}: the names of the columns are not right. Please write them as they were.",
    ),
    "not_as_many_columns": ("{field}：格数不对。请核对逗号。", "{field}: too many or too few columns."),
    "not_csv": ("{field}：引号不成对。请核对。", "{field}: a quotation mark has no partner."),
    "twice": ("{field}：和前面的重复。请核对。", "{field}: it is there twice."),
    "not_an_item": ("{field}：没有这个项目编号。请核对。", "{field}: there is no such item."),
    "a_deduction": ("{field}：服务不能算作扣分项目。", "{field}: a service cannot be a minus item."),
    "deductions_are_fixed": ("{field}：扣分项目的计法只能是 fixed。", "{field}: a minus item is fixed."),
    "not_a_cap": ("{field}：封顶请写成 80/day 这样。", "{field}: a cap is written like 80/day."),
    "not_rising": ("{field}：小时数要一行比一行大。", "{field}: the hours must rise from line to line."),
    "only_the_last_has_none": (
        "{field}：只有最后一行的第一格不填。",
        "{field}: the last line, and no other, begins empty.",
    ),
    "empty": ("{field}：表里没有内容。", "{field}: there is nothing in it."),
    "not_one_of_the_words": (
        "{field}：写了表里没有的词。请照说明写。",
        "{field}: not one of the words that can stand there.",
    ),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {
    "effective_from": ("从哪天的服务起", "First day of service"),
    "note": ("说明", "Note"),
    "items": ("加减分项目表", "Table of items"),
    "categories": ("服务类别表", "Table of categories"),
    "ladder": ("阶梯", "Ladder"),
    "expiry.n": ("多少天，或者第几年", "How many days, or which year"),
    "expiry.policy": ("积分有效期", "How long points last"),
    "notice_days": ("公示几个工作日", "Working days of public notice"),
}

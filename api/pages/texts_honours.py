"""What the pages about targets and honours of a year say, in Chinese and English."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "tile_targets": ("服务目标", "Targets"),
    "tile_targets_about": (
        "全年时长、每周服务、主题日，谁达到了",
        "Hours a year, weekly service, theme days: who reached them",
    ),
    "tile_honours": ("年度荣誉", "Honours of the year"),
    "tile_honours_about": ("提名，由另一位同事授予", "Proposed by one, given by a colleague"),
    # --- targets
    "targets": ("服务目标", "Targets"),
    "targets_about": (
        "信用时长和荣誉时长都算。记录被退回或者更正以后，就不再算。",
        "Hours signed in and out on the spot and hours entered afterwards both count. What is refused or corrected"
        " counts no more.",
    ),
    "targets_none": ("还没有设过目标。", "No targets have been set."),
    "target_years": ("从 {first} 年起", "From {first} on"),
    "target_years_until": ("{first} 年到 {last} 年", "{first} to {last}"),
    "target_of": ("范围：{organisation}", "Of: {organisation}"),
    "target_of_all": ("范围：全部", "Of: everybody"),
    "target_see": ("看进度", "See how far it is"),
    "target_new": ("设一个目标", "Set a target"),
    "target_new_about": (
        "开始以后不能改，只能停用，再设新的。",
        "Once its first year has begun it is not changed: it is ended, and another one is set.",
    ),
    "target_code": ("编号", "Code"),
    "target_name": ("名称", "Name"),
    "target_kind": ("要求什么", "What it asks for"),
    "target_kind_year_hours": ("全年多少小时", "So many hours a year"),
    "target_kind_weekly": ("多少周有服务（53 就是每周）", "Service in so many weeks (53: every week)"),
    "target_kind_theme_days": ("主题日里多少天有服务", "Service on so many of its theme days"),
    "target_whom": ("对谁", "Of whom"),
    "target_whom_person": ("每个人", "Each person"),
    "target_whom_group": ("每个团体（组织）", "Each group (organisation)"),
    "target_amount": ("多少（小时、周或者天）", "How much (hours, weeks or days)"),
    "target_theme_days": ("主题日，写成 03-05 12-05", "Theme days, like 03-05 12-05"),
    "target_theme_days_about": (
        "只有主题日的目标要写。3 月 5 日是学雷锋纪念日，12 月 5 日是国际志愿者日。",
        "Only where it asks for theme days. 5 March is the day of Lei Feng, 5 December the international day of"
        " volunteers.",
    ),
    "target_organisation": ("哪个组织（编号），空着就是全部", "Code of the organisation; empty: everybody"),
    "target_category": ("服务类别，空着就是都算", "Category of service; empty: all"),
    "target_first_year": ("从哪一年起", "First year"),
    "target_last_year": ("到哪一年为止，空着就是一直有效", "Last year; empty: on and on"),
    "target_set_do": ("设定", "Set it"),
    "target_set": ("已设定。", "It has been set."),
    "target_ended": ("已经停用。", "It ends with that year."),
    "target_end": ("停用", "Let it end"),
    "target_end_do": ("到这一年为止", "Let it end with that year"),
    "target_reached_of": (
        "{year} 年：有服务的 {served}，达到的 {reached}",
        "{year}: {served} served, {reached} reached it",
    ),
    "target_reached": ("已达到", "Reached"),
    "target_nobody": ("这一年还没有服务记录。", "There is no service in this year yet."),
    "target_only_reached": ("只看达到的", "Only who reached it"),
    "target_all": ("看全部", "All"),
    "target_year": ("{year} 年", "Year {year}"),
    "target_which_year": ("哪一年", "Which year"),
    "target_propose": ("给达到的提名", "Propose all who reached it"),
    "target_propose_about": (
        "再按一次，只加新达到的。提名以后由另一位同事授予。",
        "Pressed again, it adds only who is new. A colleague then gives the honours.",
    ),
    "target_propose_do": ("提名", "Propose them"),
    "go_targets": ("全部目标", "All targets"),
    # --- honours
    "honours": ("年度荣誉", "Honours of the year"),
    "honours_of": ("{year} 年年度荣誉", "Honours of {year}"),
    "honours_proposed": ("等待授予", "Waiting"),
    "honours_given": ("已授予", "Given"),
    "honours_declined": ("没有采用", "Declined"),
    "honours_ended": ("已撤销", "Ended"),
    "honours_which": ("看哪些", "Which to show"),
    "honours_none": ("这里没有。", "There are none here."),
    "honours_added": ("提名已记下，等另一位同事授予。", "Proposed. A colleague gives it."),
    "honours_count": ("新提名 {count} 个，等另一位同事授予。", "{count} proposed. A colleague gives them."),
    "honours_decided": ("已办好。", "Done."),
    "honours_not_decided": ("下面这些没有办成：", "These were not done:"),
    "honours_choose": ("请先勾选。", "Please tick some first."),
    "honour_over": ("已撤销，名单上不再显示。", "It has been ended, and is on no list any more."),
    "honour_tick": ("选这一个", "Choose this"),
    "honour_give": ("授予选中的", "Give the chosen ones"),
    "honour_decline": ("不采用选中的", "Decline the chosen ones"),
    "honour_end": ("撤销", "End it"),
    "honour_for": ("达到目标 {target}：{amount}", "Reached the target {target}: {amount}"),
    "honour_by": ("{who} 提名", "Proposed by {who}"),
    "honour_gone": ("已注销的志愿者", "An erased volunteer"),
    "honour_new": ("按姓名提名", "Propose one by name"),
    "honour_new_about": (
        "志愿者编号和组织编号，写其中一个。",
        "Either a volunteer number or the code of an organisation.",
    ),
    "honour_year": ("哪一年", "Year"),
    "honour_name": ("荣誉名称", "Name of the honour"),
    "honour_volunteer": ("志愿者编号", "Volunteer number"),
    "honour_organisation": ("组织编号", "Code of the organisation"),
    "honour_new_do": ("提名", "Propose"),
    "honours_csv": ("下载表格（CSV）", "Download as a table (CSV)"),
    "honours_public": ("公开名单", "The public list"),
    "go_honours": ("年度荣誉", "Honours of the year"),
    "honours_public_about": (
        "感谢每一位志愿者。只有本人同意，才显示全名。",
        "Thank you, every one of you. Full names are shown only of those who agreed.",
    ),
    "honours_public_none": ("这一年还没有公布。", "Nothing has been published for this year yet."),
    "honours_number": ("编号末位 {tail}", "number ends in {tail}"),
    "honours_volunteer": ("志愿者", "A volunteer"),
    "honours_people": ("个人", "People"),
    "honours_groups": ("团体", "Groups"),
    # --- her own
    "my_targets": ("我的目标和荣誉", "My targets and honours"),
    "my_targets_none": ("今年没有目标。", "There are no targets this year."),
    "my_target_done": ("已完成 {amount}，达到了。", "You have done {amount}: reached."),
    "my_target_far": ("已完成 {amount}，还差 {missing}。", "You have done {amount}; {missing} to go."),
    "my_honours": ("我的荣誉", "My honours"),
    "my_honours_none": ("还没有荣誉。", "None yet."),
    "my_honour": ("{year} 年 {name}", "{name} ({year})"),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {
    f"targets_{name}": TEXTS[f"target_{name}"]
    for name in ("name", "kind", "whom", "amount", "organisation", "category", "first_year", "last_year")
} | {
    "targets_target": TEXTS["target_code"],
    "targets_theme_days": ("主题日", "Theme days"),
    "targets_year": TEXTS["honour_year"],
    "honours_year": TEXTS["honour_year"],
    "honours_name": TEXTS["honour_name"],
    "honours_volunteer": TEXTS["honour_volunteer"],
    "honours_organisation": TEXTS["honour_organisation"],
}

WRONG: Final[dict[str, tuple[str, str]]] = {
    "person_or_group": (
        "志愿者编号和组织编号，请写其中一个。",
        "Please write either a volunteer number or the code of an organisation.",
    ),
    "not_a_month_and_day": ("“{field}”请写成 03-05 这样的月和日。", "{field}: month and day like 03-05, please."),
    "given_twice": ("“{field}”里有写了两次的。", "{field}: something is written twice."),
    "not_of_the_target": ("目标在这一年不生效。请换一年。", "The target does not hold in that year."),
}

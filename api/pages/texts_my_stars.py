"""What the pages say of a volunteer's own stars; the sentences why are in `star_words`."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "my_stars": ("我的星级", "My stars"),
    "star_of_day": ("{day}的星级", "Your stars on {day}"),
    "star_to_next": ("离下一个星级还差什么", "What is missing to the next star"),
    "star_progress": ("离{star}：已有 {served}，要 {needed}", "Towards {star}: {served} of {needed}"),
    "star_spending": (
        "兑换积分不会降低星级：星级只看服务时长。",
        "Redeeming points never lowers your stars: they come from your hours of service.",
    ),
    "star_award": ("授星", "Award"),
    "star_award_none": (
        "还没有授星。够条件以后，机构评星、公示，没有异议就授星，您不用申请。",
        "None has been awarded yet. When you have done enough, your programme assesses and publishes it, and awards it"
        " if nobody objects. You need not ask.",
    ),
    "star_award_awarded": ("{on}授予{star}，证书编号 {serial}。", "{star} awarded on {on}, certificate {serial}."),
    "star_award_in_notice": ("{star}正在公示，到 {until} 为止。", "{star}: in public notice until {until}."),
    "star_award_objected": (
        "{star}在公示中有人提出异议，正在核实。",
        "{star}: somebody has objected during the notice; it is being looked into.",
    ),
    "star_other_day": ("看别的日子", "Another day"),
    "star_end_of": ("{year} 年底", "End of {year}"),
    "star_on": ("哪一天", "Which day"),
    "star_show": ("看这一天", "Show this day"),
    "star_today": ("看今天的星级", "My stars today"),
    "star_no_such_day": (
        "请选今天或以前的一天。下面是今天的星级。",
        "Please choose today or a day before. Below are your stars of today.",
    ),
    "star_boards": ("榜单上显示我的姓名", "My name on public boards"),
    "star_line": ("星级", "Stars"),
}

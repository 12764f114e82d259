"""What the pages say of public boards."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "boards_of": ("{book}：公示榜单", "{book}: public boards"),
    "boards_title_stars": ("{star} 星以上志愿者榜", "Volunteers with {star} stars and more"),
    "boards_title_hours": ("服务时长榜", "Most hours of service"),
    "boards_title_averages": ("人均服务时长榜", "Hours of service on average"),
    "boards_whole_book": ("整个项目", "The whole programme"),
    "boards_whose": ("哪个组织", "Organisation"),
    "boards_period": ("哪段时间", "Period"),
    "boards_period_of": ("{since}至{until}", "{since} to {until}"),
    "boards_category": ("哪类服务", "Kind of service"),
    "boards_every_category": ("各类都算", "All kinds"),
    "boards_as_of": ("统计到", "As of"),
    "boards_newest": ("最新的榜单", "The newest board"),
    "boards_all": ("全部榜单", "All boards"),
    "boards_none": ("现在没有公示的榜单。", "No board is published at the moment."),
    "boards_read": ("看榜单", "See the board"),
    "boards_rank": ("名次", "Rank"),
    "boards_who": ("志愿者", "Volunteer"),
    "boards_stars": ("星级", "Stars"),
    "boards_hours": ("服务时长", "Hours of service"),
    "boards_organisation": ("组织", "Organisation"),
    "boards_per_registered": ("按登记人数平均", "For each registered"),
    "boards_per_active": ("按参加人数平均", "For each who served"),
    "boards_registered": ("登记人数", "Registered"),
    "boards_active": ("参加人数", "Served"),
    "boards_too_few": ("人数太少，不公布", "too few people to show"),
    "boards_too_few_about": (
        "参加人数不到 {least} 人的组织，不公布时长，免得看出某个人的时长；用合计一减就能算出来的，再隐去一个组织。",
        "Where fewer than {least} people served, no hours are shown, since they would tell what a person served; where"
        " a sum would tell it, one more organisation is left out.",
    ),
    "boards_total": ("合计", "Altogether"),
    "boards_people": ("{count} 人", "{count} people"),
    "boards_rule_stars": (
        "列出已授 {star} 星以上的志愿者：星级高的在前，星级相同的看这段时间的服务时长，都相同的名次相同。",
        "Volunteers who were awarded {star} stars or more: the highest star first, then who served longest in this"
        " period. Who has as much has the same rank.",
    ),
    "boards_rule_hours": (
        "列出已授 {star} 星以上、这段时间服务最多的志愿者，时长相同的名次相同。",
        "Who served longest in this period, of the volunteers who were awarded {star} stars or more. Who has as much"
        " has the same rank.",
    ),
    "boards_rule_averages": (
        "每个组织算它和下级组织的志愿者。“按登记人数平均”除以这段时间登记在册的全部志愿者，“按参加人数平均”只除以"
        "其中这段时间参加过服务的人。名次按登记人数平均排。",
        "Each organisation counts its own volunteers and those of the organisations below it. “For each registered” is"
        " divided by all volunteers registered in this period, “for each who served” by those of them who served in"
        " it. The rank follows the first.",
    ),
    "boards_counted": (
        "时长只算现场签到签退、已经记入账本的服务。",
        "Only service that was signed in and out on the spot and stands in the books is counted.",
    ),
    "boards_names": (
        "本人同意公开的写全名，其他的只写姓氏和编号的末几位。未成年人不上榜。",
        "Full names are of those who agreed to it. Of the others you see the first character and the end of the"
        " volunteer number. Minors stand on no board.",
    ),
    "boards_empty": ("榜上还没有人。", "Nobody stands on this board."),
    "boards_yours": ("您在榜上吗？名字怎么写，由您决定。", "Are you on it? How your name is shown is for you to say."),
    "boards_yours_do": ("我的名字怎么写", "How my name is shown"),
    "boards_gone_heading": ("这份榜单撤下了", "This board is gone"),
    "boards_gone": (
        "没有这份榜单：它可能已经撤下，或者换成了新的。请看服务站的公示，或者请工作人员帮您找新的。",
        "There is no such board: it may have been withdrawn or replaced by a newer one. Please ask the staff for it.",
    ),
    # --- staff
    "boards": ("公示榜单", "Public boards"),
    "tile_boards": ("公示榜单", "Public boards"),
    "tile_boards_about": ("发布、撤下星级榜和时长榜", "Publish and withdraw boards of stars and hours"),
    "boards_new": ("发布榜单", "Publish a board"),
    "boards_public": ("打开公开的榜单", "Open the public page"),
    "boards_published": ("发布：", "Published:"),
    "boards_ended": ("撤下或者换新：", "Withdrawn or replaced:"),
    "boards_shown": ("公示中", "shown"),
    "boards_not_shown": ("已撤下", "not shown"),
    "boards_withdraw": ("撤下", "Withdraw"),
    "boards_staff_none": ("还没有发布过榜单。", "No board has been published yet."),
    "board_published": (
        "榜单发布了。同类、同组织的旧榜单已经换下。",
        "The board is published. The older one of its kind and organisation is not shown any more.",
    ),
    "board_there": (
        "这份榜单今天已经发布过，没有重复发布。",
        "It was published today already: nothing was done.",
    ),
    "board_withdrawn": ("榜单撤下了，谁也看不到了。", "The board is withdrawn: nobody sees it any more."),
    "boards_new_about": (
        "先看样子，再发布。发布以后名单不再变；姓名按每个人当时的意愿显示，未成年人不列入。",
        "See how it looks first, then publish it. Who stands on it then stays; names are shown as their owners wish at"
        " each moment, and minors are left out.",
    ),
    "boards_kind": ("什么榜", "Which board"),
    "boards_kind_stars": ("星级榜：列志愿者", "Stars: volunteers"),
    "boards_kind_hours": ("时长榜：列志愿者", "Hours: volunteers"),
    "boards_kind_averages": ("人均榜：列组织", "Averages: organisations"),
    "boards_from": ("从哪天起", "First day"),
    "boards_to": ("到哪天为止", "Last day"),
    "boards_day_about": ("写成 2026-01-01 这样。", "Like 2026-01-01."),
    "boards_category_about": ("不填就是各类都算。", "Empty: all kinds."),
    "boards_least": ("几星以上", "Least stars"),
    "boards_least_about": ("人均榜不用管这一项。", "Not for averages."),
    "boards_preview": ("看看样子", "See how it looks"),
    "boards_preview_of": ("发布出来是这样", "This is how it would look"),
    "boards_preview_people": (
        "上榜 {count} 人，下面是前面的。",
        "{count} people on it; the first are below.",
    ),
    "boards_publish": ("发布这份榜单", "Publish this board"),
    "go_boards": ("全部榜单", "All boards"),
    # --- herself
    "my_boards": ("我在公示榜单上", "I on public boards"),
    "my_boards_looks": ("公示榜单上，您现在写成：", "On boards you are shown as:"),
    "my_boards_minor": (
        "您还没有满十八岁，公示榜单上不写您，谁同意也不写。",
        "You are under eighteen: no board shows you, whoever agrees.",
    ),
    "my_boards_unknown": (
        "系统里没有您的姓名或者出生日期，所以还不能写全名。请找服务站登记。",
        "Your name or day of birth is not recorded, so your full name cannot be shown yet. Please ask your service"
        " station.",
    ),
    "my_boards_agree": ("同意写我的全名", "Show my full name"),
    "my_boards_mask": ("不写全名了", "Do not show my full name"),
    "my_boards_mask_about": ("按下以后马上改，不用等。", "It changes at once."),
    "my_boards_on": ("您在这些榜上", "You stand on these boards"),
    "my_boards_on_none": ("现在的榜单上没有您。", "You stand on no board at the moment."),
}

WRONG: Final[dict[str, tuple[str, str]]] = {
    "not_a_board": ("请选择一种榜。", "Please choose a kind of board."),
    "before_its_beginning": ("“{field}”不能早于开始那天。", "{field}: not before the first day, please."),
    "not_a_category": ("“{field}”请写一行，不超过 100 个字。", "{field}: one line of at most 100 characters, please."),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {
    "board_kind": TEXTS["boards_kind"],
    "board_from_day": TEXTS["boards_from"],
    "board_to_day": TEXTS["boards_to"],
    "board_category": TEXTS["boards_category"],
    "board_least_star": TEXTS["boards_least"],
}

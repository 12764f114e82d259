"""What the pages about her hours, the budget and the public figures say."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    # --- her hours
    "my_hours": ("我的时长", "My hours"),
    "my_hours_none": (
        "还没有服务记录。参加一次志愿服务，这里就会有。",
        "There is no record of a service yet. After your first one you will find it here.",
    ),
    "older": ("看更早的", "Earlier ones"),
    "state_submitted": ("等复核", "To be reviewed"),
    "state_reviewed": ("等额度", "Waits for the budget"),
    "state_in_notice": ("公示中", "In public notice"),
    "state_objected": ("有异议", "Objected to"),
    "state_credited": ("已到账", "Credited"),
    "state_refused": ("没通过", "Not accepted"),
    "state_corrected": ("已更正", "Corrected"),
    "class_credit": ("服务时长", "Hours of service"),
    "class_honour": ("荣誉时长", "Honour hours"),
    "class_act": ("加分减分", "Bonus or deduction"),
    # --- where is my hour
    "my_hour": ("我的时长到哪了", "Where is my hour"),
    "hour_what": ("做了什么", "What you did"),
    "hour_day": ("哪一天", "Which day"),
    "hour_recorded": ("谁记录的", "Recorded by"),
    "hour_number": ("记录编号", "Number of the record"),
    "hour_where": ("走到哪一步了", "How far it has come"),
    "hour_forgotten": (
        "您那次没有签退，时间算到活动结束。",
        "You did not sign out that time; it counts until the activity ended.",
    ),
    "step_submitted": ("已交记录", "Handed in"),
    "step_reviewed": ("复核", "Reviewed"),
    "step_notice": ("公示", "Public notice"),
    "step_credited": ("到账", "Credited"),
    "step_budget": ("等积分额度", "Waiting for the budget"),
    "step_objected": ("有人提出异议，等裁定", "Somebody objected; it is being decided"),
    "step_refused": ("复核没有通过", "Not accepted by the review"),
    "step_corrected": ("已更正，不再计入", "Corrected; it no longer counts"),
    "mark_done": ("✓ 已完成", "✓ done"),
    "mark_now": ("● 正在这一步", "● it is here now"),
    "mark_later": ("○ 还没到", "○ to come"),
    "mark_ended": ("✗ 到此为止", "✗ it ended here"),
    "because": ("原因：{reason}", "Reason: {reason}"),
    "budget_about": (
        "今年的积分额度用完了。您的时长已经记上；有了新额度，积分自动补上，不用您办什么。",
        "This year's budget of points is used up. Your hours are counted; the points follow by themselves when there"
        " is a new budget. You need not do anything.",
    ),
    "turn_call_back": (
        "现在由“{organisation}”先回访服务对象，再复核",
        "Now {organisation} asks the person you helped, and then reviews it",
    ),
    "turn_reviewer": ("现在由“{organisation}”复核", "Now {organisation} reviews it"),
    "turn_budget": ("现在等新的积分额度", "Now it waits for a new budget"),
    "turn_notice": (
        "正在公示，没有人提出异议就会自动到账",
        "It is in public notice, and will be credited by itself if nobody objects",
    ),
    "turn_decider": ("现在由“{organisation}”裁定异议", "Now {organisation} decides on the objection"),
    "turn_nobody": ("已经办完，不用再等", "This is finished; there is nothing to wait for"),
    "turn_until": ("{turn}，到{day}为止。", "{turn}, until {day}."),
    "turn_late": ("{turn}，本该在{day}前办完，已经晚了。", "{turn}. It was due on {day} and is late."),
    "turn_late_do": (
        "对不起，让您久等了。您可以打电话或到服务站，请“{organisation}”快办。",
        "We are sorry that you have to wait. You may call or visit your station and ask {organisation} to hurry.",
    ),
    "hour_why": ("为什么是这些积分", "Why these points"),
    "hour_why_later": (
        "积分还没有算。复核通过以后，这里会写明怎么算的。",
        "The points are not decided yet. After the review you can read here how they were.",
    ),
    "hour_rules": ("按积分规则第 {version} 版计算。", "By version {version} of the rules."),
    "hour_raised": ("{day} 提出的异议", "Objection of {day}"),
    "hour_upheld": ("{day} 裁定：异议成立。{reason}", "Decided on {day}: upheld. {reason}"),
    "hour_rejected": ("{day} 裁定：异议不成立，照原来的办。{reason}", "Decided on {day}: not upheld. {reason}"),
    "object": ("觉得不对？提出异议", "Is something wrong? Object"),
    "object_appeal": ("觉得不该扣？提出申诉", "Should it not be taken off? Appeal"),
    "object_about": (
        "写清楚哪里不对，会由没有参与的人来裁定。裁定以前，这一笔先不入账。",
        "Say what is wrong, and somebody who was not involved will decide. Until then it is not credited.",
    ),
    "object_reason": ("哪里不对", "What is wrong"),
    "object_do": ("提交", "Send"),
    "objected_done": (
        "已经收到。我们会请没有参与的人来裁定，结果会写在这里。",
        "We have received it. Somebody who was not involved will decide; you will find the result here.",
    ),
    # --- public figures
    "programme": ("公开数字", "Public figures"),
    "programme_of": ("{book}：公开数字", "{book}: public figures"),
    "go_programme": ("看公开数字", "See the public figures"),
    "programme_out": ("大家还没有用的积分", "Points not yet spent"),
    "programme_out_about": (
        "其中公示中 {points}。每一分都要能兑换，所以要有资金和物资作保证。",
        "Of these in public notice: {points}. Each of them must be good for something, so money and goods stand behind"
        " them.",
    ),
    "programme_behind": ("拿什么作保证", "What stands behind them"),
    "programme_behind_about": (
        "大家手里每 100 分，背后有 {percent} 分的资金和物资。",
        "Behind every 100 points there are money and goods for {percent} points.",
    ),
    "programme_fund": ("兑付资金 {money}，够兑", "The fund, {money}, good for"),
    "programme_stock": ("各网点的物资，值", "Goods in the outlets, worth"),
    "programme_owed": ("已兑换、还没付给商家的", "Already redeemed, not yet paid to shops"),
    "programme_budget": ("{year} 年的积分额度", "The budget of {year}"),
    "programme_granted": (
        "今年最多发 {granted}，已发 {issued}，还可以发 {left}。",
        "This year at most {granted} are issued: {issued} have been, {left} may still be.",
    ),
    "programme_no_further": (
        "发完就停，不会多发。没发的会等新的额度，不会丢。",
        "When it is used up, no more are issued; what waits for the next budget is not lost.",
    ),
    "programme_not_granted": (
        "今年还没有定额度。已发 {issued}。",
        "There is no budget for this year yet. Issued: {issued}.",
    ),
    "programme_hours": ("服务时长", "Hours of service"),
    "programme_hours_about": (
        "累计服务时长 {credit}，荣誉时长 {honour}。",
        "Hours of service so far: {credit}; honour hours: {honour}.",
    ),
    "programme_year": ("{year} 年服务 {hours}。", "Served in {year}: {hours}."),
    "programme_active": (
        "今年参加服务的有 {people} 人，平均每人 {hours}。",
        "Volunteers who served this year: {people}, on average {hours} each.",
    ),
    "programme_registered": (
        "登记的志愿者有 {people} 人，按全部登记的人算，平均每人 {hours}。",
        "Registered volunteers: {people}; divided by all of them, {hours} each.",
    ),
    "programme_worth": ("服务一小时值多少", "What an hour is worth"),
    "programme_an_hour": ("今年平均每小时得 {points} 分。", "On average an hour earned {points} points this year."),
    "programme_in_money": (
        "这些积分大约能兑换 {money} 的东西。积分不能换钱，也不能买卖。",
        "They redeem for goods worth about {money}. Points are never paid out in money, and never sold.",
    ),
    "programme_expired": ("过期的积分", "Expired points"),
    "programme_expired_about": (
        "到现在一共过期 {points}。快过期的，我们会提前告诉本人。",
        "Expired so far: {points}. We tell people in advance what is about to expire.",
    ),
    "programme_at": ("数字截至 {moment}。", "Figures as of {moment}."),
    # --- the budget
    "tile_budget": ("额度", "Budget"),
    "tile_budget_about": ("今年能发多少积分，已发多少", "How many points may be issued this year, and have been"),
    "budget": ("积分额度", "The budget of points"),
    "budget_intro": (
        "积分只在额度以内发放。额度用完，新的积分就等着，时长照记，什么也不会丢。",
        "Points are issued within the budget only. When it is used up new points wait; hours are counted all the same,"
        " and nothing is lost.",
    ),
    "budget_of": ("{year} 年：{name}", "{year}: {name}"),
    "budget_whole": ("全部", "the whole programme"),
    "budget_granted_so_far": ("额度", "Granted"),
    "budget_issued": ("已发放", "Issued"),
    "budget_left": ("还可以发", "Left"),
    "budget_none": ("还没有定过额度，所以还不能发积分。", "No budget has been granted yet, so no points are issued."),
    "budget_waiting": ("等额度的记录", "Records that wait for the budget"),
    "budget_waiting_about": (
        "这些记录已经复核，时长已记。有了额度，一小时内自动进入公示。",
        "They have been reviewed, and their hours count. With a new budget they go on by themselves within the hour.",
    ),
    "budget_records": ("{records} 条", "{records}"),
    "budget_grant": ("增加额度", "Grant more"),
    "budget_year": ("哪一年", "Year"),
    "budget_points": ("增加多少分", "Points to add"),
    "budget_yuan": ("相应的资金（元）", "The money behind them (yuan)"),
    "budget_yuan_about": (
        "到账的资金，只写整数。没有资金就空着。",
        "Money that has come in, in whole yuan. Leave it empty if there is none.",
    ),
    "budget_grant_do": ("增加额度", "Grant"),
    "budget_granted": ("额度已经增加。", "The budget has been granted."),
    "budget_share": ("给一个组织定额度", "An organisation's share"),
    "budget_share_about": (
        "含它下面的组织。写全年一共多少，不能少于已发放的。",
        "With the organisations below it. Write how much it is for the whole year, not less than has been issued.",
    ),
    "budget_organisation": ("组织编号", "Code of the organisation"),
    "budget_share_points": ("全年一共多少分", "Points for the whole year"),
    "budget_share_do": ("定下来", "Set"),
    "budget_shared": ("这个组织的额度已经定好。", "The organisation's share has been set."),
}

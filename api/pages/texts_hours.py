"""What the pages about her hours, the budget and the public figures say."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
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
}

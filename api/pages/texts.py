"""What the pages say: every sentence in Chinese and English, and how figures, days and entries are put into words."""

from __future__ import annotations

import datetime
from typing import Final

from api.problems import Language

LANGUAGES: Final[dict[str, Language]] = {"zh": "zh", "en": "en"}
TAGS: Final[dict[Language, str]] = {"zh": "zh-CN", "en": "en"}
"""The language tags of HTML (BCP 47)."""

TEXTS: Final[dict[str, tuple[str, str]]] = {
    # --- every page
    "product": ("美德账本", "Meide Ledger"),
    "title": ("{page}：美德账本", "{page} – Meide Ledger"),
    "display": ("显示设置", "Display"),
    "size_standard": ("标准", "Standard"),
    "size_elder": ("长辈版", "Large"),
    "size_largest": ("特大", "Largest"),
    "help": (
        "看不懂、不会用？请找服务站的工作人员，他们会帮您。",
        "Is something unclear? Ask the staff of your service station, they will help you.",
    ),
    "go_home": ("回首页", "Back to my page"),
    "go_passbook": ("看存折", "See my passbook"),
    "sign_out": ("退出登录", "Sign out"),
    # --- signing in
    "sign_in": ("登录", "Sign in"),
    "sign_in_intro": ("登录以后，可以看您的积分和服务时长。", "Sign in to see your points and your hours of service."),
    "login": ("登录名", "Login"),
    "password": ("密码", "Password"),
    "show_password": ("显示密码", "Show the password"),
    "session_ended": (
        "您有一段时间没有操作，为了安全已自动退出。请重新登录。",
        "You were signed out for your safety because some time had passed. Please sign in again.",
    ),
    "signed_out": ("您已安全退出。", "You have signed out."),
    # --- home
    "home": ("首页", "My page"),
    "greeting": ("您好！", "Hello!"),
    "greeting_number": ("志愿者尾号 {digits}", "Volunteer number ending in {digits}"),
    "latest": ("最近的记录", "Latest entries"),
    "latest_line": ("{account}：{side} {amount}", "{account}: {side} {amount}"),
    "latest_none": (
        "还没有记录。参加一次志愿服务，这里就会记上。",
        "There is nothing here yet. After your first service you will find it here.",
    ),
    # --- the four accounts
    "points": ("可用积分", "Points to spend"),
    "notice": ("公示中积分", "Points in public notice"),
    "hours": ("服务时长", "Hours of service"),
    "honour": ("荣誉时长", "Honour hours"),
    "held": ("预留中 {points}", "Set aside: {points}"),
    "about_points": ("可以用来兑换的积分。", "Points that you can redeem."),
    "about_notice": (
        "公示无异议后，转为可用积分。",
        "They become points to spend when the notice ends without objection.",
    ),
    "about_hours": ("现场签到、签退的服务时间。", "Service with check-in and check-out on the spot."),
    "about_honour": (
        "事后补录，是荣誉，不换积分。",
        "Service that was entered afterwards: an honour that earns no points.",
    ),
    "points_in": ("存入", "In"),
    "points_out": ("支取", "Out"),
    "points_balance": ("余额", "Balance"),
    "notice_in": ("进入", "In"),
    "notice_out": ("转出", "Out"),
    "notice_balance": ("公示中", "In notice"),
    "hours_in": ("记入", "Added"),
    "hours_out": ("冲减", "Taken off"),
    "hours_balance": ("累计", "Total"),
    # --- passbook
    "passbook": ("存折", "Passbook"),
    "passbook_of": ("{account}存折", "Passbook: {account}"),
    "choose_account": ("看哪一本", "Which passbook"),
    "choose_year": ("看哪一年", "Which year"),
    "year": ("{year} 年", "{year}"),
    "year_line": ("{year} 年：{label} {balance}", "{year}: {label} {balance}"),
    "date": ("日期", "Date"),
    "summary": ("摘要", "Summary"),
    "booked_on": ("记账 {day}", "booked {day}"),
    "brought_forward": ("承前", "Brought forward"),
    "total_of_year": ("{year} 年合计", "Total of {year}"),
    "none_in_year": (
        "{year} 年没有记录，余额没有变动。",
        "There are no entries in {year}; the balance did not change.",
    ),
    "none_ever": (
        "这本存折还是空的。有了第一笔记录，就会出现在这里。",
        "This passbook is still empty. Your first entry will appear here.",
    ),
    "print": ("打印存折", "Print the passbook"),
    "print_by_browser": (
        "要打印，请用浏览器菜单里的“打印”。",
        "To print, choose “Print” in your browser's menu.",
    ),
    "printed_number": ("志愿者编号 {number}", "Volunteer number {number}"),
    "printed_on": ("打印日期 {day}", "Printed on {day}"),
    "booked_in_year": (
        "按记账先后排列；年份是记账的年份。",
        "In the order of booking; the year is the year of booking.",
    ),
    # --- staff
    "staff": ("工作人员", "Staff"),
    "staff_greeting": ("{login}，您好！", "Hello, {login}!"),
    "staff_later": (
        "工作人员的网页还在准备，以后会出现在这里。",
        "The pages for staff are being prepared and will appear here.",
    ),
    "staff_api": (
        "现在可以通过接口 /api/v1 办理业务，接口说明见下面的链接。",
        "For now the work is done through the API at /api/v1; the link below describes it.",
    ),
    "staff_schema": ("接口说明（OpenAPI）", "Description of the API (OpenAPI)"),
    # --- what went wrong
    "sorry": ("出了点问题", "Something is not right"),
    "not_found": ("没有这个网页", "There is no such page"),
    "not_found_do": (
        "地址可能抄错了，或者网页已经搬走。请回首页。",
        "The address may be mistyped, or the page has moved. Please go back to your page.",
    ),
    "no_such_passbook": (
        "没有这本存折，或者没有这一年。请回首页重新选择。",
        "There is no such passbook or no such year. Please go back to your page and choose again.",
    ),
    "form_expired": ("请再试一次", "Please try again"),
    "form_expired_do": (
        "网页打开得太久，没有办成。请再试一次。如果总是这样，请在浏览器设置里允许 Cookie。",
        "The page was open for too long, so nothing was done. Please try again. If this keeps happening, allow cookies "
        "in your browser's settings.",
    ),
    "not_allowed": ("这里您不能看", "This page is not for you"),
    "not_allowed_do": (
        "这个网页只给志愿者本人看。请回首页。",
        "Only the volunteer herself can see this page. Please go back.",
    ),
    "bad_request": ("没有看懂这个请求", "We did not understand this request"),
    "bad_request_do": ("请回首页，再试一次。", "Please go back and try again."),
    "busy": ("系统忙", "The service is busy"),
    "busy_do": (
        "系统现在忙，请等一分钟再试。您的积分和时长都在，不会丢。",
        "Please wait a minute and try again. Your points and hours are safe.",
    ),
    "broken": ("系统出错了", "Something went wrong"),
    "broken_do": (
        "不是您的错，您的积分和时长都在。请过一会儿再试；如果还是不行，请把这个编号告诉工作人员：{request_id}",
        "It is not your fault, and your points and hours are safe. Please try again later; if it does not help, tell "
        "the staff this number: {request_id}",
    ),
}

KINDS: Final[dict[str, tuple[str, str]]] = {
    "opening": ("期初转入", "Carried over"),
    "earn.hours": ("志愿服务", "Volunteer service"),
    "earn.points": ("服务积分进入公示", "Points for service, in public notice"),
    "earn.release": ("公示期满，积分到账", "Notice ended, points to spend"),
    "earn.backfill": ("补录时长", "Hours entered afterwards"),
    "earn.item": ("加分", "Bonus points"),
    "earn.training": ("培训积分", "Points for training"),
    "deduct": ("扣分", "Points taken off"),
    "spend.hold": ("兑换冻结", "Held for a redemption"),
    "spend.redeem": ("兑换", "Redeemed"),
    "spend.voucher": ("购买免单券", "Service voucher"),
    "spend.refund": ("退回", "Refund"),
    "hold": ("预留", "Set aside"),
    "hold.capture": ("预留用后余下的，退回", "What was left of points set aside, given back"),
    "hold.void": ("预留取消，退回", "Points set aside, given back"),
    "hold.lapse": ("预留到期，退回", "Points set aside for too long, given back"),
    "books.expiry": ("积分过期", "Points expired"),
    "reversal": ("冲正", "Reversal"),
    "clawback": ("追回", "Taken back"),
    "gift": ("转赠", "Gift"),
    "donation": ("捐赠", "Donation"),
}
"""What kinds of transaction are called; a kind not listed is called as its first part, e.g. deduct.absence."""

ENTRY: Final = ("记账", "Entry")
"""What an entry of unknown kind is called when it has no description either."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def t(language: Language, key: str, **facts: object) -> str:
    """The sentence `key` with its facts filled in."""
    return _in(language, TEXTS[key]).format(**facts)


def summary(language: Language, kind: str, description: str) -> str:
    """A transaction in words: what its kind is called, and its description if it has one."""
    words = KINDS.get(kind) or KINDS.get(kind.partition(".")[0])
    if words is None:
        return description or _in(language, ENTRY)
    if not description:
        return _in(language, words)
    return f"{words[0]}：{description}" if language == "zh" else f"{words[1]}: {description}"


def points(language: Language, amount: int) -> str:
    """25 分, 1 point."""
    if language == "zh":
        return f"{amount:,} 分"
    return f"{amount:,} point" if amount == 1 else f"{amount:,} points"


def hours(language: Language, minutes: int) -> str:
    """12 小时 30 分, 45 分钟, 3 小时."""
    whole, rest = divmod(minutes, 60)
    if language == "en":
        return " ".join(part for part in (f"{whole:,} h" * bool(whole or not rest), f"{rest} min" * bool(rest)) if part)
    if not whole and rest:
        return f"{rest} 分钟"  # 45 分 alone would read as 45 points
    return f"{whole:,} 小时 {rest} 分" if rest else f"{whole:,} 小时"


def day(language: Language, date: datetime.date) -> str:
    """2026年11月21日, 21 Nov 2026."""
    if language == "zh":
        return f"{date.year}年{date.month}月{date.day}日"
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def _in(language: Language, pair: tuple[str, str]) -> str:
    return pair[0] if language == "zh" else pair[1]

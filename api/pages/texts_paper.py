"""What the pages say of paper: printed passbooks, sheets of tickets, call-backs, and whether a paper is genuine."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    # a passbook on paper
    "print_back": ("回去", "Back"),
    "print_now": ("打印", "Print"),
    "print_book_code": ("时间银行 {code}", "Time bank {code}"),
    "person_paper": ("纸上的", "On paper"),
    "print_passbook": ("打印存折", "Print the passbook"),
    "print_with_codes": ("打印存折，带校验码", "Print the passbook with check codes"),
    "print_of": ("打印：{account}", "To be printed: {account}"),
    "print_paper": ("纸张大小", "Size of the paper"),
    "print_size_a4": ("A4 纸", "A4"),
    "print_size_small": ("存折本 85 × 125 毫米", "Passbook of 85 × 125 mm"),
    "print_after": ("上次打到第几行？头一次打印写 0", "Up to which line was it printed? 0 if never"),
    "print_choose": ("从下一行接着打", "Print from the next line on"),
    "print_intro": (
        "接着打的时候，把上次那一页放回打印机：新的一行会打在旧的下面。",
        "To go on, put the last page into the printer again: what is new comes below what stands there.",
    ),
    "print_nothing": ("第 {after} 行以后没有新的了，不用打印。", "There is nothing after line {after} yet."),
    "print_done": (
        "打完以后记住：打到了第 {last} 行。下次从这里接着打。",
        "Remember when it is printed: it ends with line {last}. The next print begins after it.",
    ),
    "print_more": ("后面还有，打下几页", "There is more: print the next pages"),
    "print_book": ("存折号 {number}", "Passbook {number}"),
    "print_holder": ("志愿者编号尾号 {digits}", "Volunteer number ending in {digits}"),
    "print_page": ("第 {page} 页", "Page {page}"),
    "print_line": ("行", "Line"),
    "print_code": ("校验码", "Check code"),
    "print_verify": (
        "每一行都有校验码。扫这个码，或者打开 {address}，就能查这一行是真是假。",
        "Each line has a check code. Scan this, or open {address}, to see whether a line is genuine.",
    ),
    # is it genuine?
    "verify": ("查真假", "Is it genuine?"),
    "verify_intro_line": (
        "照着存折上的一行，一格一格填。不用登录，也不会查看任何人的账。",
        "Type one line of the passbook as it is printed. No sign-in; nobody's account is looked at.",
    ),
    "verify_intro_receipt": (
        "照着兑换小票，一格一格填。不用登录，也不会查看任何人的账。",
        "Type the receipt as it is printed. No sign-in; nobody's account is looked at.",
    ),
    "verify_what_line": ("存折的一行", "A line of a passbook"),
    "verify_what_receipt": ("兑换小票", "A receipt"),
    "verify_do": ("查一查", "Check it"),
    "verify_right": ("对得上", "It matches"),
    "verify_right_say": (
        "这些内容和打印的时候一样。以后有没有更正，要看账本。",
        "This is what was printed here. Whether it was corrected later stands in the books.",
    ),
    "verify_wrong": ("对不上", "It does not match"),
    "verify_wrong_say": (
        "先看看有没有填错。都没填错，这张纸就可能被改过：请给服务站看看。",
        "Please look for a slip first. If there is none, the paper may have been altered: show it to the staff.",
    ),
    "verify_wait": (
        "查错的次数太多。请等 {seconds} 秒再查。",
        "Too many did not match. Please wait {seconds} seconds.",
    ),
    # sheets of tickets
    "tickets": ("一次性兑换票", "One-time tickets"),
    "tickets_of": ("志愿者 {number} 的兑换票", "Tickets of volunteer {number}"),
    "tickets_about": (
        "给没有手机的人：一页几张，一张用一次。拿着票的人就能用，请当面交给本人。",
        "For people without a phone: some on a page, each good once. Whoever holds one can use it: hand it to her.",
    ),
    "tickets_new": ("打一页新的", "A new sheet"),
    "tickets_count": ("一页几张", "How many on it"),
    "tickets_replaces": ("换掉哪一页", "Which one it replaces"),
    "tickets_replaces_none": ("不换，另加一页", "None: one more"),
    "tickets_issue": ("打印兑换票", "Make the sheet"),
    "tickets_issued_on": ("{issued} 发的", "Issued {issued}"),
    "tickets_used": ("{count} 张，用了 {used} 张", "{count} tickets, {used} used"),
    "tickets_good": ("每张最多 {points}，到 {day} 为止", "Each for up to {points}, until {day}"),
    "tickets_ended_at": ("{moment} 已作废", "Ended {moment}"),
    "tickets_end": ("这一页丢了，作废", "This sheet is lost: end it"),
    "tickets_ended": ("这一页已作废，剩下的票不能再用。", "The sheet is ended: what was left of it buys nothing."),
    "tickets_none_left": ("这一页已经没有能用的票了。", "Nothing was left of that sheet."),
    "tickets_none": ("还没有发过兑换票。", "No tickets have been issued yet."),
    "ticket_sheet": ("新的兑换票", "The new tickets"),
    "ticket_print_now": (
        "请现在就打印：离开这一页，号码就看不到了。",
        "Please print it now: once you leave this page the digits are gone.",
    ),
    "ticket_number": ("第 {number} 张", "No. {number}"),
    "ticket_until": ("{day} 为止", "Until {day}"),
    "ticket_rules": (
        "每张用一次，最多 {points}，到 {day} 为止；不找零，不能换钱；丢了请马上告诉服务站作废。",
        "Each is good once, for up to {points}, until {day}; no change, no cash; if lost, tell the service station.",
    ),
    "ticket_back": ("打印好了，回去", "It is printed: back"),
    # calls after something was redeemed for somebody else
    "tile_call_backs": ("代办回访", "Calls after errands"),
    "tile_call_backs_about": (
        "打电话问问：是不是她请人代办的",
        "Ask her: did she send the person who redeemed for her?",
    ),
    "call_backs": ("代办回访", "Calls after errands"),
    "call_backs_intro": (
        "别人替她兑换的，抽到的要打电话问本人：是不是您请他去的？",
        "Somebody redeemed for her. Call her and ask: did you send this person?",
    ),
    "call_backs_none": ("现在没有要回访的。", "Nobody has to be called now."),
    "call_back_for": ("本人：{who}", "Hers: {who}"),
    "call_back_agent": ("代办人：{who}", "Acted for her: {who}"),
    "call_back_what": ("{moment}，在 {outlet}，{points}", "{moment}, at {outlet}, {points}"),
    "call_back_phone": ("看她的电话", "See her phone"),
    "call_back_yes": ("是她请的", "She sent this person"),
    "call_back_no": ("不是她请的", "She did not"),
    "call_back_not_yours": (
        "这一笔和您有关，请同事来问。",
        "You had a hand in this one: please let a colleague ask.",
    ),
    "call_back_erased": ("已注销的人", "Somebody who has been erased"),
    "call_back_confirmed": ("记下了：是她请的。", "Noted: she sent this person."),
    "call_back_denied": (
        "记下了：不是她请的。这一笔已经转给两位同事核实。",
        "Noted: she did not. Two colleagues will decide about it.",
    ),
}

WRONG: Final[dict[str, tuple[str, str]]] = {
    "not_as_printed": ("“{field}”请照着纸上的样子填。", "{field}: as it is printed, please."),
    "either_in_or_out": ("“{field}”和“支取”只填一个。", "Either {field} or what went out, please, and not both."),
    "herself": ("“{field}”不能是本人。", "{field}: she cannot act for herself."),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {
    "tickets": ("一页几张", "How many on it"),
    "paper_book": ("时间银行代码", "Code of the time bank"),
    "paper_passbook": ("存折号", "Number of the passbook"),
    "paper_line": ("第几行", "Line"),
    "paper_day": ("日期", "Date"),
    "paper_deposit": ("存入", "In"),
    "paper_withdrawal": ("支取", "Out"),
    "paper_balance": ("余额", "Balance"),
    "paper_receipt": ("小票号", "Number of the receipt"),
    "paper_outlet": ("网点编号", "Code of the outlet"),
    "paper_points": ("积分", "Points"),
    "paper_code": ("校验码", "Check code"),
    "paper_check_code": ("校验码", "Check code"),
}

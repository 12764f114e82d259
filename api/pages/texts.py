"""What the pages say: every sentence in Chinese and English, and how figures, days and entries are put into words."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from api.pages import (
    texts_activities,
    texts_audit,
    texts_awards,
    texts_boards,
    texts_cases,
    texts_catalogue,
    texts_desk,
    texts_honours,
    texts_hours,
    texts_ladders,
    texts_lapsing,
    texts_limits,
    texts_my_stars,
    texts_organisations,
    texts_outlets,
    texts_paper,
    texts_pay,
    texts_proofs,
    texts_receipts,
    texts_rules,
    texts_scan,
    texts_sheets,
    texts_till,
    texts_vouchers,
)
from api.problems import Language
from ledger.days import BEIJING
from ledger.errors import InvalidField

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
    "help_call": ("打电话问：{phone}", "Call for help: {phone}"),
    "ways": ("去别处", "Other pages"),
    "go_home": ("回首页", "Back to my page"),
    "go_account": ("我的账号", "My account"),
    "go_staff": ("工作人员首页", "Staff page"),
    "go_passbook": ("看存折", "See my passbook"),
    "sign_out": ("退出登录", "Sign out"),
    # --- signing in
    "sign_in": ("登录", "Sign in"),
    "sign_in_name": ("登录名、志愿者编号或卡号", "Login, volunteer number or card number"),
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
    # --- leaving
    "leave": ("退出登录", "Sign out"),
    "leave_ask": (
        "退出以后，别人用这部手机或电脑就看不到您的账本。",
        "When you have signed out, nobody else who uses this device can see your books.",
    ),
    # --- her account
    "account": ("我的账号", "My account"),
    "login_is": ("登录名", "Login"),
    "number_is": ("志愿者编号", "Volunteer number"),
    "book_is": ("账本", "Book"),
    "roles_are": ("身份", "Roles"),
    "other_books": ("换一个账本", "Another book"),
    "go_to_book": ("看“{book}”", "Go to {book}"),
    "change_password": ("换密码", "Change password or PIN"),
    "devices": ("我在哪里登录着", "Where I am signed in"),
    "devices_about": (
        "有不认识的，请点“退出这台”，再换密码。",
        "If you do not know one of them, sign it out and change your password.",
    ),
    "device_this": ("就是这一台", "this one"),
    "device_in": ("登录：{moment}", "Signed in: {moment}"),
    "device_seen": ("最近使用：{moment}", "Last used: {moment}"),
    "device_end": ("退出这台", "Sign this one out"),
    "devices_end": ("全部退出（这台也退出）", "Sign out everywhere, here too"),
    "password_changed": (
        "密码换好了。别的手机和电脑都已退出，请用新密码登录。",
        "Your new password or PIN is in use. All other devices were signed out.",
    ),
    "device_ended": ("那台已经退出。", "That device is signed out."),
    "book_changed": ("账本换好了。", "You now see another book."),
    "own_data": ("我的个人信息", "My personal data"),
    "export": ("下载我的全部信息", "Download all about me"),
    "export_about": (
        "下载的文件里有您的身份证号和每一笔账，请存好，不要发给别人。",
        "The file holds your identity number and every entry. Keep it safe and send it to nobody.",
    ),
    # --- what she agreed to, who looked
    "consents": ("我同意过什么", "What I agreed to"),
    "consents_about": (
        "同意不同意，由您自己定，以后也可以改。以中文为准。",
        "It is your own choice, and you can change it later. The Chinese text counts.",
    ),
    "consent_service": ("登记、记录和证明", "Registration, records and proofs"),
    "consent_public_name": ("公示榜单写全名", "My full name on public boards"),
    "consent_share_with_shop": ("兑换时给商家看姓名", "My name at the shop when I redeem"),
    "consent_minor_guardian": ("监护人的同意", "My guardian's consent"),
    "consent_holds": ("已经同意。", "Agreed."),
    "consent_ended": ("已经撤回。", "Withdrawn."),
    "consent_not": ("还没有同意。", "Not agreed to."),
    "consent_agree": ("我同意", "I agree"),
    "consent_withdraw": ("撤回同意", "Withdraw it"),
    "consent_guardian": (
        "这要由您的监护人到服务站办。",
        "Your guardian decides it, at the service station.",
    ),
    "consent_given": ("记下了：您同意。", "Your consent is noted."),
    "consent_withdrawn": (
        "记下了：您已撤回。要删除个人信息，请找服务站。",
        "It is withdrawn. To have your data deleted, please ask your service station.",
    ),
    "given_by_self": ("您本人", "by yourself"),
    "given_by_guardian": ("监护人", "by your guardian"),
    "given_by_staff": ("工作人员代办", "entered by staff"),
    "looks": ("谁看过我的信息", "Who looked at my data"),
    "looks_about": (
        "最近的 20 次在这里，更早的在下载的文件里。觉得不对，请找服务站。",
        "The last 20 times; earlier ones are in the file that you can download. If something seems wrong, please ask "
        "your service station.",
    ),
    "looks_none": ("还没有人登记或看过您的信息。", "Nobody has recorded or seen your data."),
    "by_you": ("您本人", "You"),
    "by_staff": ("工作人员 {who}", "Staff, {who}:"),
    "access_record": ("登记或更正了：{fields}", "recorded or corrected: {fields}"),
    "access_masked": ("看了隐去部分的：{fields}", "saw in part: {fields}"),
    "access_reveal": ("看了完整的：{fields}", "saw in full: {fields}"),
    "access_erase": ("注销了全部个人信息", "erased all personal data"),
    "access_why": ("理由：{reason}", "Reason: {reason}"),
    # --- a new password
    "password_page": ("换密码", "Change password or PIN"),
    "password_why": (
        "您现在的密码是别人给的，别人看见过。请换成只有您自己知道的新密码，换好就能继续。",
        "Somebody else gave you this password and has seen it. Please choose a new one that only you know; then "
        "you can go on.",
    ),
    "password_rules": (
        "新密码可以是 6 位数字，好记；也可以是 8 个以上的字母、数字。不要用生日、电话、123456。",
        "Choose a PIN of six digits, which is easy to remember, or a password of 8 or more characters. Not your "
        "birthday, not your phone number, not 123456.",
    ),
    "password_current": ("现在的密码", "Password or PIN of now"),
    "password_new": ("新密码", "New password or PIN"),
    "password_again": ("新密码再写一次", "The new one again"),
    "password_save": ("换成新密码", "Use the new one"),
    "show_passwords": ("显示密码", "Show what I type"),
    "wrong_current": (
        "现在的密码不对，没有换。请再写一次；忘记了，请找服务站。",
        "The password or PIN of now is wrong, so nothing was changed. Please try again, or ask your service station.",
    ),
    # --- shops
    "shop": ("商家", "Shop"),
    # --- staff
    "staff": ("工作人员首页", "Staff page"),
    "staff_greeting": ("{login}，您好！", "Hello, {login}!"),
    "staff_roles": ("{book}。您的身份：{roles}", "{book}. Your roles: {roles}"),
    "staff_work": ("您可以在这里办的事", "What you can do here"),
    "staff_none": (
        "您的身份在网页上还没有要办的事，查账请用接口。",
        "There is nothing for your role on these pages yet; use the API to read the books.",
    ),
    "staff_schema": ("接口说明（OpenAPI）", "Description of the API (OpenAPI)"),
    "tile_propose": ("加分、扣分", "Add or take off points"),
    "tile_propose_about": (
        "给一位志愿者，写明原因，由同事批准",
        "For one volunteer, with a reason; a colleague approves",
    ),
    "tile_approvals": ("待批的账", "Proposals that wait"),
    "tile_approvals_about": ("同事提出的，看一看，批准或不批准", "What colleagues propose: look, approve or decline"),
    "tile_renewals": ("忘记密码", "Forgotten PINs"),
    "tile_renewals_about": ("为志愿者换密码，两个人办", "A new PIN for a volunteer, by two people"),
    "tile_users": ("用户和角色", "Users and roles"),
    "tile_users_about": ("谁可以登录，能办什么", "Who may sign in, and do what"),
    "tile_tokens": ("机器的钥匙", "Keys of machines"),
    "tile_tokens_about": ("别的系统和收银机用的令牌", "Tokens for other systems and tills"),
    "role_volunteer": ("志愿者", "volunteer"),
    "role_merchant": ("商家", "shop"),
    "role_recorder": ("记录员", "recorder"),
    "role_reviewer": ("复核员", "reviewer"),
    "role_operator": ("经办员", "operator"),
    "role_auditor": ("审计员", "auditor"),
    "role_owner": ("负责人", "owner"),
    "role_of": ("{role}，{organisation}", "{role}, {organisation}"),
    "role_until": ("{role}，到 {day}", "{role}, until {day}"),
    "no_such_volunteer": (
        "没有这位志愿者，或者不归您的组织管。请核对编号。",
        "There is no such volunteer, or she belongs to another organisation. Please check the number.",
    ),
    "next_page": ("后面的", "More"),
    "first_page": ("从头看", "From the beginning"),
    # --- what waits for approval
    "approvals": ("待批的账", "Proposals that wait"),
    "approvals_none": ("现在没有待批的账。", "Nothing waits for approval."),
    "approvals_open": ("打开看", "Open"),
    "proposed_by_me": ("您自己提出的，要由同事批准。", "Your own proposal: a colleague has to approve it."),
    "account_of": ("志愿者 {number}，{account}", "Volunteer {number}, {account}"),
    "debit": ("借方", "Debit"),
    "credit": ("贷方", "Credit"),
    "proposed_by": ("提出", "Proposed by"),
    "by_at": ("{who}，{moment}", "{who}, {moment}"),
    "proposal": ("一笔待批的账", "A proposal"),
    "proposal_waits": ("还没有入账，等同事批准。", "It is not in the books yet: it waits for approval."),
    "proposal_posted": ("已经批准，入账了。", "It was approved and is in the books."),
    "proposal_declined": ("没有批准，没有入账。", "It was declined and is not in the books."),
    "decided_by": ("决定", "Decided by"),
    "decided_why": ("不批准的原因", "Why it was declined"),
    "proposal_mine": (
        "这是您提出的，自己不能批准，请一位同事来办。不要了，可以在下面撤回。",
        "You proposed it, so you cannot approve it yourself: please ask a colleague. You may withdraw it below.",
    ),
    "proposal_only_read": ("您可以看，批准要由复核员来办。", "You may read it; a reviewer has to approve it."),
    "approve": ("批准，入账", "Approve and post"),
    "decline": ("不批准", "Decline"),
    "withdraw": ("撤回", "Withdraw it"),
    "decline_reason": ("不批准的原因", "Why it is declined"),
    "withdraw_reason": ("撤回的原因", "Why you withdraw it"),
    "go_approvals": ("看全部待批的账", "All that waits"),
    # --- points for somebody, or off
    "propose": ("加分、扣分", "Add or take off points"),
    "propose_about": (
        "提出以后不会马上入账，要由一位同事批准。",
        "Nothing is booked at once: a colleague has to approve it.",
    ),
    "volunteer_number": ("志愿者编号", "Volunteer number"),
    "direction": ("加分还是扣分", "Add or take off"),
    "direction_plus": ("加分", "Add points"),
    "direction_minus": ("扣分", "Take points off"),
    "amount": ("多少分", "How many points"),
    "reason": ("原因", "Reason"),
    "reason_about": ("本人会在存折上看到。", "She will read it in her passbook."),
    "propose_do": ("提出，请同事批准", "Propose it"),
    "proposed_before": (
        "上一张表已经提出过了。如果这是另外一笔，请再按一次。",
        "The form was sent before with other contents. If this is another proposal, please press the button again.",
    ),
    # --- forgotten PINs
    "renewals": ("忘记密码", "Forgotten PINs"),
    "renewals_about": (
        "志愿者忘了密码，两位工作人员一起帮她换：一位在这里申请，另一位确认，把新密码交给她。请先看她的身份证件。",
        "When a volunteer has forgotten her PIN, two members of staff give her a new one: one asks for it here, "
        "another confirms and hands it over. Look at her identity card first.",
    ),
    "renewal_ask": ("申请换密码", "Ask for a new PIN"),
    "renewals_waiting": ("等另一位确认的", "Waiting for a second person"),
    "renewals_none": ("现在没有要确认的。", "Nothing waits for confirmation."),
    "renewal_number": ("志愿者 {number}", "Volunteer {number}"),
    "asked_by": ("申请", "Asked for by"),
    "renewal_mine": (
        "您申请的，要由另一位同事确认。",
        "You asked for it, so a colleague has to confirm it.",
    ),
    "renewal_confirm": ("确认，给新密码", "Confirm and show the new PIN"),
    "renewal_decline": ("不换了", "Do not renew it"),
    "renewal_asked": ("申请好了。请另一位同事来确认。", "It is asked for. Please let a colleague confirm it."),
    "renewal_declined": ("好，不换，原来的密码照旧。", "Nothing was changed: the old PIN stands."),
    "renewal_decided": (
        "这个申请已经办过了，或者等得太久作废了。如果没有看到新密码，请重新申请。",
        "This has been decided already, or has waited for too long. If you have not seen the new PIN, please ask for "
        "another one.",
    ),
    "new_pin": ("新密码", "The new PIN"),
    "new_pin_of": ("志愿者 {number} 的新密码：", "New PIN of volunteer {number}:"),
    "shown_once": ("只显示这一次，请现在抄下来。", "It is shown this once only: write it down now."),
    "new_pin_say": ("请对她说：", "Please tell her:"),
    "new_pin_say_1": (
        "“这是您的新密码，原来的不能用了。”",
        "“This is your new PIN; the old one does not work any more.”",
    ),
    "new_pin_say_2": (
        "“登录时填您的编号和这个密码，然后换一个只有您知道的。”",
        "“Sign in with your number and this PIN, then choose one that only you know.”",
    ),
    "new_pin_say_3": (
        "“谁来要您的密码，都不要给，我们也不会要。”",
        "“Never tell your PIN to anybody. We will not ask for it either.”",
    ),
    "go_renewals": ("好了，回到列表", "Done, back to the list"),
    # --- volunteers as persons
    "tile_volunteers": ("志愿者", "Volunteers"),
    "tile_volunteers_about": ("查一位，登记新的，办卡", "Find one, register a new one, issue a card"),
    "volunteers": ("志愿者", "Volunteers"),
    "look_up": ("查找", "Find"),
    "look_up_who": ("志愿者编号、手机号或身份证号", "Volunteer number, phone or identity number"),
    "look_up_about": (
        "要写全。查完不留下您写的内容。",
        "It must be complete. What you type is not kept.",
    ),
    "look_up_none": (
        "没有找到，或者不归您的组织管。请核对号码。",
        "Nobody was found, or she belongs to another organisation. Please check the number.",
    ),
    "open_person": ("打开", "Open"),
    "go_person": ("回到这位志愿者", "Back to this volunteer"),
    "person_of": ("志愿者 {number}", "Volunteer {number}"),
    "person_name": ("姓名", "Full name"),
    "phone": ("手机号", "Mobile phone"),
    "id_number": ("身份证号", "Identity number"),
    "born": ("出生日期", "Day of birth"),
    "organisation": ("组织", "Organisation"),
    "organisation_none": ("不归哪个组织", "None: the book itself"),
    "not_recorded": ("没有登记", "not recorded"),
    "person_unknown": ("还没有登记她是谁。", "Nothing is recorded of who she is."),
    "minor": ("未成年人", "minor"),
    "minor_about": (
        "未成年人只显示姓；您这次查看已经记下。",
        "Of a minor only the first character of the name is shown, and that you looked is logged.",
    ),
    "person_registered": ("登记好了。", "She is registered."),
    "person_erased": ("已经注销，个人信息都已销毁。", "She is erased: her personal data are destroyed."),
    "person_pin": ("忘记密码", "A forgotten PIN"),
    "person_pin_about": (
        "请先看她的身份证件。申请后，由另一位同事确认。",
        "Look at her identity card first. A colleague has to confirm it.",
    ),
    "card": ("志愿者卡", "Card"),
    "card_about": (
        "没有手机的人用卡上的号码登录。办新卡，旧卡马上作废。",
        "People without a phone sign in with the digits of a card. A new card ends the old one at once.",
    ),
    "card_issue": ("办新卡", "Issue a new card"),
    "card_end": ("卡丢了，作废", "The card is lost: end it"),
    "card_ended": ("卡已作废。", "The card is ended."),
    "card_none": ("她没有可用的卡，不用作废。", "She has no card that could be ended."),
    "new_card": ("新卡", "The new card"),
    "new_card_of": ("志愿者 {number} 的新卡号：", "Digits of the new card of volunteer {number}:"),
    "new_card_say": (
        "请写在卡上，当面交给本人。登录还要密码，密码不要写在卡上。",
        "Write them on the card and hand it over in person. She also needs her PIN, which does not belong on the card.",
    ),
    # --- registering, recording who somebody is
    "new_person": ("登记新志愿者", "Register a volunteer"),
    "new_number_about": (
        "以后她用这个编号登录。不要用手机号、身份证号。",
        "She signs in with it. Do not use a phone or identity number.",
    ),
    "new_identity_about": (
        "下面的也可以以后再登记。请对着她的身份证件写。",
        "What follows may also be recorded later. Please take it from her identity card.",
    ),
    "id_number_about": ("18 位。", "18 digits."),
    "born_about": (
        "写成 2012-05-01。有身份证号的不用填。",
        "Written as 2012-05-01; not needed where there is an identity number.",
    ),
    "new_sign_in": ("她可以登录", "She may sign in"),
    "new_person_do": ("登记", "Register"),
    "new_volunteer": ("登记好了，这是第一个密码", "Registered: the first PIN"),
    "identity_record": ("登记她是谁", "Record who she is"),
    "identity_correct": ("更正个人信息", "Correct who she is"),
    "identity_of": ("志愿者 {number} 是谁", "Who volunteer {number} is"),
    "identity_about": (
        "请把每一项都写上：没有写的，就不再登记。请对着她的身份证件写。",
        "Fill in everything that is to be recorded: what is left empty is not recorded any more. Please take it from "
        "her identity card.",
    ),
    "identity_do": ("登记", "Record it"),
    "identity_recorded": ("登记好了。", "It is recorded."),
    # --- in full
    "reveal": ("看完整的信息", "See in full"),
    "reveal_of": ("看志愿者 {number} 的完整信息", "Volunteer {number} in full"),
    "reveal_about": (
        "只看办事要用的。谁看了什么、为什么，都会记下，本人可以查到。",
        "See only what you need. Who saw what, and why, is logged, and she can read it.",
    ),
    "reveal_what": ("要看什么", "What you need to see"),
    "reveal_reason": ("为什么要看", "Why you need to see it"),
    "reveal_reason_about": (
        "4 到 200 个字，比如：核对领奖人。",
        "4 to 200 characters, e.g. checking who gets the award.",
    ),
    "reveal_do": ("看", "Show it"),
    "revealed_of": ("志愿者 {number}", "Volunteer {number}"),
    "revealed_logged": (
        "您这次查看和理由已经记下，本人可以查到。只显示这一次，请不要抄给别人。",
        "That you looked, and why, has been logged, and she can read it. It is shown once; please do not pass it on.",
    ),
    # --- who saw whose data
    "tile_access_log": ("查看记录", "Who saw whose data"),
    "tile_access_log_about": ("谁看了谁的个人信息，为什么", "Who looked at personal data, and why"),
    "access_log": ("查看记录", "Who saw whose data"),
    "access_find": ("只看这一位", "Show this volunteer only"),
    "access_only": ("只有志愿者 {number} 的。", "Of volunteer {number} only."),
    "access_all": ("看全部", "Show all"),
    "access_none": ("没有记录。", "Nothing has been logged."),
    "access_nobody": ("已注销的人", "Somebody who has been erased"),
    "access_why_lost": (
        "理由随个人信息一起销毁了。",
        "The reason was destroyed with the personal data.",
    ),
    # --- erasing
    "erase": ("注销这位志愿者", "Erase this volunteer"),
    "erase_of": ("注销志愿者 {number}", "Erase volunteer {number}"),
    "erase_final": ("注销以后不能恢复。", "This cannot be undone."),
    "erase_gone": ("会销毁的", "What is destroyed"),
    "erase_gone_1": (
        "姓名、手机号、身份证号、出生日期",
        "Her name, phone, identity number and day of birth",
    ),
    "erase_gone_2": ("志愿者编号、密码和卡：她马上不能登录", "Her number, PIN and card: she cannot sign in any more"),
    "erase_gone_3": (
        "编号和账户的联系：她的积分没有人能再用",
        "The link from her number to her accounts: nobody can spend her points any more",
    ),
    "erase_stays": ("会留下的", "What stays"),
    "erase_stays_1": (
        "账本里的每一笔账，但看不出是谁的",
        "Every entry in the books, but nobody can tell whose they were",
    ),
    "erase_stays_2": (
        "同意书的记录和查看记录，但看不出是谁的，理由也读不到了",
        "What was agreed to and who looked, without her; the reasons can no longer be read",
    ),
    "erase_stays_3": ("备份里的，到备份销毁为止", "What backups hold, until they are destroyed themselves"),
    "erase_type": ("要注销，请写她的志愿者编号", "To erase her, type her volunteer number"),
    "erase_do": ("注销，不能恢复", "Erase for ever"),
    "erase_not": ("不注销", "Do not erase"),
    # --- users and roles
    "users": ("用户和角色", "Users and roles"),
    "users_find": ("找登录名", "Find a login"),
    "users_search": ("找", "Find"),
    "users_none": ("没有找到。", "Nobody was found."),
    "user_new": ("让一位新用户登录", "Let somebody in"),
    "user_volunteer": ("志愿者 {number}", "Volunteer {number}"),
    "user_outlet": ("网点 {outlet}", "Outlet {outlet}"),
    "given_by": ("授予", "Given by"),
    "role_me": ("这是您自己的角色，要收回请找别的负责人。", "Your own role: only another owner can take it back."),
    "role_end": ("收回这个角色", "Take this role back"),
    "role_ended": ("角色已收回，本人已退出登录。", "The role is taken back, and its holder is signed out."),
    "user": ("新用户", "A new user"),
    "role": ("角色", "Role"),
    "choose": ("请选择", "Please choose"),
    "user_login": ("登录名", "Login"),
    "user_login_about": ("志愿者不用填，用编号登录。", "Leave it empty for a volunteer: she signs in with her number."),
    "user_volunteer_about": ("只有志愿者要填。", "Only for volunteers."),
    "user_organisation": ("组织编号", "Code of the organisation"),
    "user_organisation_about": (
        "只管一个组织和它下面的，填它；管全部的，不填。志愿者和商家不填。",
        "For one organisation and those below it; leave it empty for the whole book, and for volunteers and shops.",
    ),
    "user_outlet_code": ("网点编号", "Code of the outlet"),
    "user_outlet_about": ("只有商家要填。", "Only for shops."),
    "user_until": ("到哪一天为止", "Last day"),
    "user_until_about": (
        "写成 2027-12-31；审计员必须填，最多 366 天以后；别人可以不填。",
        "Written as 2027-12-31. An auditor needs one, at most 366 days ahead; others may have none.",
    ),
    "user_do": ("建好，给第一个密码", "Let in, and show the first password"),
    "new_user": ("第一个密码", "The first password"),
    "new_user_of": ("{login} 的第一个密码：", "First password of {login}:"),
    "new_user_say": (
        "请当面交给本人。第一次登录时，必须换成自己的密码。",
        "Hand it over in person. At the first sign-in it must be changed.",
    ),
    "go_users": ("好了，回到列表", "Done, back to the list"),
    # --- keys of machines
    "tokens": ("机器的钥匙", "Keys of machines"),
    "tokens_about": (
        "别的系统和收银机凭令牌记账，不用人的密码。",
        "Other systems and tills come with a token, not with somebody's password.",
    ),
    "tokens_none": ("还没有令牌。", "There are no tokens yet."),
    "token_new": ("做一个新令牌", "Make a new token"),
    "token_machine": ("别的系统", "another system"),
    "token_till": ("收银机，网点 {outlet}", "a till of outlet {outlet}"),
    "token_kind": ("给谁用", "For"),
    "token_scopes": ("可以做", "May"),
    "token_prefixes_are": ("可以记的账户", "Accounts it posts to"),
    "token_made": ("做好", "Made by"),
    "token_days": ("有效到", "Good until"),
    "token_used": ("最近使用", "Last used"),
    "token_never": ("还没有用过", "never"),
    "token_revoked": ("已经作废。", "It is revoked."),
    "token_revoke": ("作废这个令牌", "Revoke this token"),
    "token": ("新令牌", "A new token"),
    "token_name": ("名称", "Name"),
    "token_name_about": ("写清楚谁用，比如“区志愿服务平台”。", "Who uses it, e.g. the district's volunteer platform."),
    "token_may": ("可以做什么", "What it may do"),
    "scope_books_read": ("看账", "Read the books"),
    "scope_books_post": ("记账", "Post"),
    "scope_books_accounts": ("开户、冻结", "Keep accounts"),
    "scope_books_periods": ("结账", "Close months"),
    "scope_records_post": ("送交服务记录", "Hand in service records"),
    "scope_records_read": ("查看服务记录", "Read service records"),
    "token_prefixes": ("账户编号的开头", "What account codes begin with"),
    "token_prefixes_about": (
        "只有要记账的才填，几个之间空一格，比如 9110 9200；全部写 *。",
        "Only where it posts; several with spaces between, e.g. 9110 9200, or * for all.",
    ),
    "token_outlet": ("网点编号", "Code of the outlet"),
    "token_outlet_about": ("只有收银机要填。", "Only for a till."),
    "token_for": ("用多少天", "Good for how many days"),
    "token_do": ("做令牌", "Make the token"),
    "new_token": ("新令牌", "The new token"),
    "new_token_of": ("“{name}”的令牌：", "Token of {name}:"),
    "new_token_say": (
        "请放进那个系统的设置里，不要发给别人。丢了就作废，再做一个。",
        "Put it into that system's settings and send it to nobody. If it is lost, revoke it and make another one.",
    ),
    "go_tokens": ("好了，回到列表", "Done, back to the list"),
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
    "not_staff_do": (
        "这里是工作人员办事的地方：您没有这项权限，或者这件事归别的组织管。请回首页；要办这件事，请找服务站。",
        "This is where staff work: it is not among your rights, or it belongs to another organisation. Please go back "
        "to your page; if you need it done, ask your service station.",
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
    # --- what has a file of its own
    **texts_audit.TEXTS,
    **texts_awards.TEXTS,
    **texts_boards.TEXTS,
    **texts_honours.TEXTS,
    **texts_cases.TEXTS,
    **texts_desk.TEXTS,
    **texts_lapsing.TEXTS,
    **texts_my_stars.TEXTS,
    **texts_hours.TEXTS,
    **texts_organisations.TEXTS,
    **texts_outlets.TEXTS,
    **texts_paper.TEXTS,
    **texts_pay.TEXTS,
    **texts_activities.TEXTS,
    **texts_catalogue.TEXTS,
    **texts_proofs.TEXTS,
    **texts_receipts.TEXTS,
    **texts_rules.TEXTS,
    **texts_scan.TEXTS,
    **texts_limits.TEXTS,
    **texts_ladders.TEXTS,
    **texts_sheets.TEXTS,
    **texts_till.TEXTS,
    **texts_vouchers.TEXTS,
}

WRONG: Final[dict[str, tuple[str, str]]] = {
    "missing": ("请填写“{field}”。", "Please fill in: {field}."),
    "too_short": (
        "新密码太短。请用 6 位数字，或者至少 8 个字符。",
        "The new password is too short. Please use six digits, or at least 8 characters.",
    ),
    "too_long": ("新密码太长，最多 200 个字符。", "The new password is too long: at most 200 characters."),
    "too_easy": (
        "新密码太容易被猜到（比如 123456、111111）。请换一个别人想不到的。",
        "The new password is too easy to guess, like 123456 or 111111. Please choose another one.",
    ),
    "not_a_text": ("新密码里有不能用的字符。请换一个。", "The new password has characters that cannot be used."),
    "not_the_same": (
        "两次写的新密码不一样，没有换。请再写一次。",
        "The two new ones differ, so nothing was changed. Please write them again.",
    ),
    "same_as_before": (
        "新密码和现在的一样。请换一个新的。",
        "The new one is the one of now. Please choose another one.",
    ),
    "not_one_line": ("“{field}”请写成一行，不超过 500 个字。", "{field}: one line of at most 500 characters, please."),
    "not_a_whole_number": ("“{field}”请写整数，比如 10。", "{field}: a whole number, please, e.g. 10."),
    "out_of_range": ("“{field}”太小或者太大。请核对。", "{field}: too small or too large. Please check it."),
    "not_a_code": ("“{field}”只能用字母、数字和 . _ -。请核对。", "{field}: letters, digits and . _ - only, please."),
    "not_a_date": ("“{field}”请写成 2027-12-31 这样。", "{field}: written like 2027-12-31, please."),
    "too_far_ahead": (
        "“{field}”太远了：审计员最多到 366 天以后。",
        "{field} is too far ahead: an auditor's is at most 366 days from today.",
    ),
    "not_for_this_role": (
        "这个角色不用填“{field}”。请清空再试。",
        "{field} is not for this role. Please leave it empty.",
    ),
    "not_a_login": ("这个登录名不能用。请写 1 到 64 个字。", "This login cannot be used: 1 to 64 characters, please."),
    "not_a_name": ("“{field}”请写 1 到 64 个字。", "{field}: 1 to 64 characters, please."),
    "not_prefixes_of_account_codes": (
        "“{field}”请写账户编号的开头，几个之间空一格。",
        "{field}: beginnings of account codes, please, with spaces between them.",
    ),
    "only_for_books:post": ("不记账的令牌不用填“{field}”。请清空再试。", "{field} is only for tokens that post."),
    "not_a_phone": (
        "“{field}”请写 11 位手机号。请核对每一位。",
        "{field}: a mobile phone number of 11 digits, please. Please check each of them.",
    ),
    "not_an_id_number": (
        "“{field}”请写 18 位身份证号。请核对每一位。",
        "{field}: 18 digits, please. Please check each of them.",
    ),
    "differs_from_id_number": (
        "“{field}”和身份证号里的不一样。请核对。",
        "{field}: the identity number says another day. Please check both.",
    ),
    "in_the_future": ("“{field}”不能晚于今天。请核对。", "{field}: not after today, please."),
    "not_a_reason": (
        "“{field}”请写一行，4 到 200 个字。",
        "{field}: one line of 4 to 200 characters, please.",
    ),
    "not_a_volunteer_number": (
        "“{field}”只能用字母、数字和 -，最多 32 个。请核对。",
        "{field}: letters, digits and - only, at most 32, please.",
    ),
    "not_her_number": (
        "写的编号不对，没有注销。请看清楚再写。",
        "That is not her number, so nothing was erased. Please look again.",
    ),
    "not_this_number": (
        "“{field}”请写整数，不要太大。请核对。",
        "{field}: a whole number that is not too large, please.",
    ),
    "page_too_old": (
        "网页打开得太久，还没有提出。请再按一次。",
        "The page was open for too long, so nothing was proposed. Please press the button again.",
    ),
    **texts_organisations.WRONG,
    **texts_outlets.WRONG,
    **texts_paper.WRONG,
    "other": ("“{field}”这一项不能用。请改正后再试。", "{field} cannot be used. Please correct it and try again."),
    **texts_boards.WRONG,
    **texts_activities.WRONG,
    **texts_audit.WRONG,
    **texts_catalogue.WRONG,
    **texts_honours.WRONG,
    **texts_proofs.WRONG,
    **texts_rules.WRONG,
    **texts_ladders.WRONG,
    **texts_scan.WRONG,
}
"""What a person is told about a field, by the word for what is wrong with it."""

FIELDS: Final[dict[str, tuple[str, str]]] = {
    "volunteer": ("志愿者编号", "Volunteer number"),
    "number": ("志愿者编号", "Volunteer number"),
    "who": ("志愿者编号、手机号或身份证号", "Volunteer number, phone or identity number"),
    "person_name": ("姓名", "Full name"),
    "phone": ("手机号", "Mobile phone"),
    "id_number": ("身份证号", "Identity number"),
    "born": ("出生日期", "Day of birth"),
    **texts_awards.FIELDS,
    **texts_honours.FIELDS,
    **texts_cases.FIELDS,
    **texts_organisations.FIELDS,
    **texts_outlets.FIELDS,
    **texts_paper.FIELDS,
    "fields": ("要看什么", "What you need to see"),
    "amount": ("多少分", "How many points"),
    "lines[0].amount": ("多少分", "How many points"),
    "direction": ("加分还是扣分", "Add or take off"),
    "reason": ("原因", "Reason"),
    "description": ("原因", "Reason"),
    "role": ("角色", "Role"),
    "login": ("登录名", "Login"),
    "organisation": ("组织编号", "Code of the organisation"),
    "her_organisation": ("组织", "Organisation"),
    "outlet": ("网点编号", "Code of the outlet"),
    "until": ("到哪一天为止", "Last day"),
    "name": ("名称", "Name"),
    "scopes": ("可以做什么", "What it may do"),
    "prefixes": ("账户编号的开头", "What account codes begin with"),
    "days": ("用多少天", "Good for how many days"),
    "budget_year": ("哪一年", "Year"),
    "budget_points": ("多少分", "Points"),
    "budget_yuan": ("相应的资金", "The money behind them"),
    **texts_activities.FIELDS,
    **texts_audit.FIELDS,
    **texts_catalogue.FIELDS,
    **texts_proofs.FIELDS,
    **texts_rules.FIELDS,
    **texts_scan.FIELDS,
    **texts_limits.FIELDS,
    **texts_ladders.FIELDS,
    **texts_boards.FIELDS,
    **texts_sheets.FIELDS,
    **texts_desk.FIELDS,
    **texts_till.FIELDS,
}
"""What fields of forms are called, as on their labels."""

KINDS: Final[dict[str, tuple[str, str]]] = {
    "opening": ("期初转入", "Carried over"),
    "earn.hours": ("志愿服务", "Volunteer service"),
    "earn.points": ("服务积分进入公示", "Points for service, in public notice"),
    "earn.release": ("公示期满，积分到账", "Notice ended, points to spend"),
    "earn.backfill": ("补录时长", "Hours entered afterwards"),
    "earn.item": ("加分", "Bonus points"),
    "earn.training": ("培训积分", "Points for training"),
    "earn.reversal": ("更正，冲回", "Correction, taken back"),
    "earn.clawback": ("更正，追回积分", "Correction, points taken back"),
    "earn.budget": ("年度积分额度", "Budget of points"),
    "deduct.item": ("减分", "Minus item"),
    "deduct": ("扣分", "Points taken off"),
    "spend.hold": ("兑换冻结", "Held for a redemption"),
    "spend.redeem": ("兑换", "Redeemed"),
    "spend.voucher": ("购买免单券", "Service voucher"),
    "spend.refund": ("退货，退回", "Returned, given back"),
    "spend.cancel": ("撤销兑换，退回", "Redemption cancelled, given back"),
    "spend.upheld": ("查实不是您兑换的，退回", "Found not to be yours, given back"),
    "hold": ("预留", "Set aside"),
    "hold.capture": ("预留用后余下的，退回", "What was left of points set aside, given back"),
    "hold.void": ("预留取消，退回", "Points set aside, given back"),
    "hold.lapse": ("预留到期，退回", "Points set aside for too long, given back"),
    "earn.expiry": ("积分过期", "Points expired"),
    "reversal": ("冲正", "Reversal"),
    "clawback": ("追回", "Taken back"),
    "item": ("加分", "Bonus points"),
    "minus": ("扣分", "Points taken off"),
    "gift": ("转赠", "Gift"),
    "donation": ("捐赠", "Donation"),
}
"""What kinds of transaction are called; a kind not listed is called as its first part, e.g. deduct.absence."""

ENTRY: Final = ("记账", "Entry")
"""What an entry of unknown kind is called when it has no description either."""

UNKNOWN_DEVICE: Final = ("不认识的设备", "An unknown device")

WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def t(language: Language, key: str, **facts: object) -> str:
    """The sentence `key` with its facts filled in."""
    return _in(language, TEXTS[key]).format(**facts)


def wrong(language: Language, field: str, problem: str) -> str:
    """What is wrong with a field of a form, and what to do."""
    called = _in(language, FIELDS[field]) if field in FIELDS else field
    return _in(language, WRONG.get(problem, WRONG["other"])).format(field=called)


def field(language: Language, name: str) -> str:
    """What a field of a form is called."""
    return _in(language, FIELDS[name])


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


def amount(language: Language, unit: str, smallest: int) -> str:
    """An amount in a unit, which is given in the unit's smallest part."""
    if unit == "PT":
        return points(language, smallest)
    if unit == "HR":
        return hours(language, smallest)
    if unit == "CNY":
        return f"¥{smallest // 100:,}.{smallest % 100:02d}"
    return f"{smallest:,} {unit}"


def hundredths(number: int) -> str:
    """1025 as 10.25."""
    return f"{number // 100:,}.{number % 100:02d}"


def role(language: Language, name: str, organisation: str | None = None, until: str | None = None) -> str:
    """A role in words: what it is called, for which organisation, until when."""
    said = t(language, f"role_{name}")
    if organisation is not None:
        said = t(language, "role_of", role=said, organisation=organisation)
    return said if until is None else t(language, "role_until", role=said, day=until)


def access(language: Language, action: str, fields: Sequence[str]) -> str:
    """A line of the access log in words: what was done with which data."""
    called = ("、", ", ")[language == "en"].join(
        _in(language, FIELDS["person_name" if field == "name" else field]).lower() for field in fields
    )
    return t(language, f"access_{action}", fields=called)


def label(language: Language, kept: str) -> str:
    """What a device is called."""
    return kept if kept != "?" else _in(language, UNKNOWN_DEVICE)


def moment(language: Language, time: datetime.datetime) -> str:
    """2026年11月21日 14:05, 21 Nov 2026 14:05: in Beijing."""
    there = time.astimezone(BEIJING)
    return f"{day(language, there.date())} {there:%H:%M}"


def typed(text: str) -> str:
    """A number or code as it was meant: an input method for Chinese writes digits and letters full-width."""
    return unicodedata.normalize("NFKC", text).strip()


def whole_number(text: str) -> int | None:
    """What was typed as a number from 0; None if it is none."""
    digits = typed(text).replace(",", "")
    return int(digits) if WHOLE_NUMBER.fullmatch(digits) else None


def whole(text: str, field: str) -> int:
    """The same where a number is needed; InvalidField."""
    number = whole_number(text)
    if number is None:
        raise InvalidField(field, "not_a_whole_number")
    return number


def identifier(text: str) -> UUID | None:
    """What an address or a form names; None if it can be nothing's."""
    try:
        return UUID(text)
    except ValueError:
        return None


def day(language: Language, date: datetime.date) -> str:
    """2026年11月21日, 21 Nov 2026."""
    if language == "zh":
        return f"{date.year}年{date.month}月{date.day}日"
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def _in(language: Language, pair: tuple[str, str]) -> str:
    return pair[0] if language == "zh" else pair[1]

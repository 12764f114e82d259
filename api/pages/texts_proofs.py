"""What the pages about proofs of service say, in Chinese and English."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "tile_proofs": ("服务记录证明", "Proofs of service"),
    "tile_proofs_about": (
        "志愿者申请的证明：出具、不出具、撤销",
        "What volunteers ask for: issue it, refuse it, revoke it",
    ),
    "proof": ("志愿服务记录证明", "Proof of volunteer service"),
    "proof_state_requested": ("等待出具", "Waits to be issued"),
    "proof_state_issued": ("已出具", "Issued"),
    "proof_state_refused": ("未出具", "Not issued"),
    "proof_state_withdrawn": ("已撤回", "Withdrawn"),
    "proof_state_revoked": ("已撤销", "Revoked"),
    "proof_was_corrected": ("出具以后有更正", "Corrected after it was issued"),
    "proof_period": ("{since} 至 {until}", "{since} to {until}"),
    "proof_period_to": ("至 {until} 为止", "Up to {until}"),
    "proof_class_credit": ("签到签退", "Signed in and out"),
    "proof_class_honour": ("事后补录", "Entered afterwards"),
    # --- hers
    "my_proofs": ("服务记录证明", "Proofs of service"),
    "my_proofs_about": (
        "谁组织服务，谁出具证明。申请和出具都不收费。",
        "The organisation that organised your service proves it. It costs nothing.",
    ),
    "my_proofs_ask": ("第一步：向哪个单位申请", "First: which organisation do you ask?"),
    "my_proofs_organiser": (
        "服务时长 {credit}，荣誉时长 {honour}，{first} 至 {last}",
        "Service {credit}, honour {honour}, {first} to {last}",
    ),
    "my_proofs_choose": ("向它申请", "Ask it"),
    "my_proofs_nobody": (
        "还没有已经入账的服务，现在没有可以证明的内容。",
        "No service of yours has been credited yet, so there is nothing to prove.",
    ),
    "my_proofs_mine": ("我的申请", "What I asked for"),
    "my_proofs_none": ("还没有申请过。", "You have not asked for any yet."),
    "my_proofs_due": ("最迟 {day} 答复", "You will be answered by {day}"),
    "my_proofs_late": (
        "本该在 {day} 以前答复。请打电话问一问这个单位。",
        "You should have been answered by {day}. Please ask the organisation.",
    ),
    "my_proofs_serial": ("编号 {serial}，{day} 出具", "No. {serial}, issued on {day}"),
    "my_proofs_reason": ("没有出具的原因：{reason}", "Why it was not issued: {reason}"),
    "my_proofs_revoked": ("{day} 撤销：{reason}", "Revoked on {day}: {reason}"),
    "my_proofs_corrected": (
        "出具以后有服务记录更正过。需要新的证明，请再申请一次。",
        "A record was corrected after this was issued. If you need a new proof, please ask again.",
    ),
    "my_proofs_print": ("打印", "Print"),
    "my_proofs_withdraw": ("撤回申请", "Withdraw"),
    "my_proofs_notice": ("本单位公示中的证明", "Proofs that your organisation has issued lately"),
    "my_proofs_notice_line": (
        "{who}，服务 {hours}，编号 {serial}，公示到 {day}",
        "{who}, served {hours}, No. {serial}, shown until {day}",
    ),
    "proof_nobody": ("（姓名不显示）", "(name not shown)"),
    "proof_new": ("申请服务记录证明", "Ask for a proof of service"),
    "proof_new_about": (
        "第二步：向“{organisation}”申请，证明哪一段时间。不填就是全部。",
        "Second: {organisation} is to prove which days? Leave them empty for all.",
    ),
    "proof_from": ("从哪一天（写成 2026-01-01）", "From (like 2026-01-01)"),
    "proof_to": ("到哪一天（写成 2026-12-31）", "To (like 2026-12-31)"),
    "proof_ask": ("提出申请", "Ask for it"),
    "proof_asked": ("已提出申请。", "You have asked for it."),
    "proof_waits_already": (
        "您已经向这个单位申请过，还在等待答复。要换一段时间，请先撤回。",
        "You have asked this organisation already and it has not answered. To change the days, withdraw that first.",
    ),
    "proof_withdrawn": ("申请已撤回。", "It has been withdrawn."),
    "go_my_proofs": ("我的证明", "My proofs"),
    # --- on paper
    "proof_print_now": ("打印这一页", "Print this page"),
    "proof_serial": ("编号", "No."),
    "proof_name": ("姓名", "Name"),
    "proof_name_none": ("（未登记姓名）", "(no name is recorded)"),
    "proof_name_erased": ("（本人已注销，不显示姓名）", "(erased at her own wish)"),
    "proof_document": ("证件类型", "Document"),
    "proof_id_card": ("居民身份证", "Resident identity card"),
    "proof_document_number": ("证件号码", "Document number"),
    "proof_volunteer": ("志愿者编号", "Volunteer number"),
    "proof_days": ("服务时间", "Between"),
    "proof_sum": ("服务时长合计", "Service in all"),
    "proof_sum_of": ("{sum}（签到签退 {credit}，事后补录 {honour}）", "{sum} (signed in {credit}, entered {honour})"),
    "proof_sentence": (
        "兹证明上述志愿者在本单位组织的志愿服务中，服务时长合计 {sum}，内容见下表。",
        "This is to certify that this volunteer has served {sum} in activities that we organised, as listed below.",
    ),
    "proof_services": ("服务内容", "What was done"),
    "proof_day": ("日期", "Day"),
    "proof_activity": ("活动", "Activity"),
    "proof_category": ("类别", "Kind"),
    "proof_class": ("记录方式", "Recorded"),
    "proof_hours": ("时长", "Time"),
    "proof_issuer": ("出具单位", "Issued by"),
    "proof_person_in_charge": ("负责人", "Person in charge"),
    "proof_handler": ("经办人", "Handled by"),
    "proof_contact": ("联系方式", "Contact"),
    "proof_issued_on": ("出具日期", "Issued on"),
    "proof_remarks": ("备注", "Remarks"),
    "proof_seal": ("{name} 的印章图案", "Image of the seal of {name}"),
    "proof_seal_about": (
        "红色印章是打印的图案。真伪以二维码打开的网页为准：",
        "The red seal is a printed image. What the QR code opens decides whether this is genuine:",
    ),
    # --- for everybody
    "proof_valid": ("这份证明有效", "This proof holds"),
    "proof_valid_about": (
        "请和纸上的内容对照。不一样的，以这里为准。",
        "Please compare it with the paper. Where they differ, this page is right.",
    ),
    "proof_revoked_on": ("这份证明已于 {day} 撤销", "This proof was revoked on {day}"),
    "proof_revoked_about": (
        "从那天起不再有效。详情请问出具单位。",
        "It holds no longer. Please ask the organisation that issued it.",
    ),
    "proof_corrected": ("出具以后有更正", "Something was corrected after it was issued"),
    "proof_corrected_about": (
        "有的服务记录后来更正过。准确的时长请问出具单位。",
        "Some of the records have been corrected since. Please ask the organisation for the right hours.",
    ),
    "proof_number_tail": ("志愿者编号尾号", "Last digits of the volunteer number"),
    "proof_name_on_paper": ("不在网上显示，请看纸上", "Not shown online: see the paper"),
    "proof_unknown": ("没有找到这份证明", "There is no such proof"),
    "proof_unknown_do": (
        "请重新扫描纸上的二维码，或一个字一个字核对网址。仍然找不到的，请问纸上写的出具单位。",
        "Please scan the code on the paper again, or compare the address letter by letter. If it is still not found,"
        " ask the organisation that is named on the paper.",
    ),
    "proof_wait": (
        "试得太多了，请过 {seconds} 秒再试。",
        "Too many attempts. Please wait {seconds} seconds and try again.",
    ),
    # --- the staff's
    "proofs": ("服务记录证明", "Proofs of service"),
    "proofs_intro": (
        "谁组织谁记录，谁记录谁证明。不收费，到期以前要答复。",
        "Who organises records, and who records certifies: free of charge, and answered in time.",
    ),
    "proofs_which": ("看哪些", "Which to show"),
    "proofs_requested": ("等待出具", "Waiting"),
    "proofs_issued": ("已出具", "Issued"),
    "proofs_corrected": ("出具后有更正", "Corrected since"),
    "proofs_revoked": ("已撤销", "Revoked"),
    "proofs_refused": ("未出具", "Refused"),
    "proofs_none": ("没有。", "There are none."),
    "proofs_waiting": ("{name}：等待 {waiting} 份", "{name}: {waiting} waiting"),
    "proofs_overdue": (
        "{name}：等待 {waiting} 份，其中逾期 {overdue} 份，最早应在 {day} 答复",
        "{name}: {waiting} waiting, {overdue} of them overdue, the first since {day}",
    ),
    "proofs_see": ("查看", "Look at it"),
    "proofs_of": ("{who} 的服务记录证明", "Proof of service of {who}"),
    "proofs_due": ("最迟 {day} 答复", "Due on {day}"),
    "proofs_late": ("逾期：本该在 {day} 以前答复", "Overdue since {day}"),
    "proofs_would_say": ("现在出具，内容如下", "Issued now, it would say"),
    "proofs_says": ("证明的内容", "What it says"),
    "proofs_nothing": (
        "没有可以证明的服务：都更正过了。请写明原因，不予出具。",
        "There is nothing left to prove: all of it was corrected. Please refuse it and say so.",
    ),
    "proofs_issue": ("出具证明", "Issue it"),
    "proofs_issue_about": (
        "出具以后内容不再改变，并在本单位公示。",
        "Once issued it does not change, and the organisation shows it among its own for some days.",
    ),
    "proofs_refuse": ("不予出具", "Do not issue it"),
    "proofs_refuse_about": ("志愿者会看到原因。", "She will read the reason."),
    "proofs_revoke": ("撤销证明", "Revoke it"),
    "proofs_revoke_about": (
        "撤销以后，扫码的人都会看到已撤销，不能恢复。",
        "Everybody who scans it will learn that it was revoked. This cannot be undone.",
    ),
    "proofs_own": ("这是您自己的申请，请别的同事办理。", "This is your own: a colleague decides."),
    "proofs_notice": ("在本单位公示到 {day}", "Shown within the organisation until {day}"),
    "proofs_notice_label": ("公示", "Publicity"),
    "proofs_page": ("扫码看到的页面", "What the QR code opens"),
    "proof_issued_done": ("已出具，可以打印。", "Issued. You can print it now."),
    "proof_refused_done": ("已答复不予出具。", "Refused."),
    "proof_revoked_done": ("已撤销。", "Revoked."),
    "counter_proofs": ("{number} 的服务记录证明", "Proofs of service of {number}"),
    "counter_proofs_ask": ("替本人申请", "Ask for her"),
    "counter_proofs_organiser": ("向哪个单位申请", "Which organisation"),
    "counter_proofs_nobody": ("没有已经入账的服务，没有可以证明的内容。", "No credited service, nothing to prove."),
}

WRONG: Final[dict[str, tuple[str, str]]] = {
    "after_the_last_day": (
        "“{field}”在最后一天以后。请核对两个日期。",
        "{field} is after the last day. Please check both days.",
    ),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {
    "from_day": ("从哪一天", "The first day"),
    "to_day": ("到哪一天", "The last day"),
    "person_in_charge": ("负责人", "Person in charge"),
    "handler": ("经办人", "Handled by"),
    "contact": ("联系方式", "Contact"),
    "remarks": ("备注", "Remarks"),
}

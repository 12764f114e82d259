"""What the pages say of receipts: whether an entry is in the published books, and the codes that prove it."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    # is it in the books?
    "in_books": ("查记账凭证", "Is it in the books?"),
    "in_books_intro": (
        "每一笔账都编进一本只能加、不能改的公开日志。有凭证，谁都能查。不用登录，也不会查看任何人的账。",
        "Every entry goes into a public log that only grows. Whoever has a receipt can check it. No sign-in;"
        " nobody's account is looked at.",
    ),
    "in_books_how": (
        "用手机扫纸上的凭证码就行。没有扫到，就把凭证的文字或者网址贴在这里。",
        "Scan the receipt code on the paper. If that does not work, paste the receipt's text or address here.",
    ),
    "in_books_field": ("凭证的文字或网址", "Text or address of the receipt"),
    "in_books_do": ("查一查", "Check it"),
    "in_books_again": ("再查一张", "Check another"),
    "in_books_right": ("这一笔在公开的账本里", "This entry is in the published books"),
    "in_books_right_say": (
        "凭证没有被改过，签名也是账本的。",
        "The receipt is unchanged and bears the signature of the books.",
    ),
    "in_books_wrong": ("这张凭证不对", "This receipt is not right"),
    "in_books_wrong_say": (
        "它证明不了这一笔在账本里。先看看有没有抄错、漏掉；都没有，请把它交给服务站或者审计人员看看。",
        "It does not prove that the entry is in the books. Please look for a slip first; if there is none, show it to"
        " the staff or to an auditor.",
    ),
    "in_books_log": ("哪一本账", "Which log"),
    "in_books_place": ("第几笔", "Place in it"),
    "in_books_place_of": ("第 {number} 笔，当时共 {size} 笔", "No. {number} of {size} at that time"),
    "in_books_today": ("到今天", "Until today"),
    "in_books_today_same": ("当时就是现在：还没有新的账", "Nothing has been added since"),
    "in_books_today_more": (
        "账本已经有 {size} 笔，从前的一笔都没有改",
        "The log has {size} entries by now, and nothing of that time was changed",
    ),
    "in_books_voucher": ("凭证号", "Voucher"),
    "in_books_day": ("日期", "Date"),
    "in_books_recorded": ("记账时间", "Booked"),
    "in_books_description": ("摘要", "What for"),
    "in_books_key": ("账本的公钥", "Key of the log"),
    "in_books_key_about": (
        "这把公钥应当和别处公布的一样，比如公示栏、审计报告。",
        "It should be the same as where it is published elsewhere, on a notice board or in an auditor's report.",
    ),
    "promise_right": ("这是账本的承诺", "This is a promise of the books"),
    "promise_right_say": (
        "这一笔已经记下，还没有编进公开日志。到 {until} 还查不到，请把承诺交给服务站。",
        "It is booked and not in the public log yet. If it is not there by {until}, show this promise to the staff.",
    ),
    "promise_kept": ("承诺已经兑现", "The promise has been kept"),
    "promise_kept_say": (
        "承诺的这一笔，现在原样在公开的账本里。",
        "The entry that was promised is in the published books, just as it was promised.",
    ),
    # what the browser itself finds out
    "own_check": ("不靠我们，您的手机自己查", "Checked by your own device, without us"),
    "own_check_none": (
        "上面是我们的服务器查的。打开网页脚本，您的手机可以自己再查一遍。",
        "The above was checked by our server. With scripts switched on your own device checks it too.",
    ),
    "own_check_waits": ("正在查……", "Checking …"),
    "own_check_right": (
        "您的手机没有靠我们，自己算了一遍：凭证是对的，签名也对。断网也能这样查。",
        "Your device worked it out without us: the receipt and its signature are right. This works offline too.",
    ),
    "own_check_unsigned": (
        "您的手机自己算了一遍，凭证对得上；但是它不会查这种签名，签名只有我们的服务器查过。换新一点的浏览器就能自己查。",
        "Your device worked out the receipt itself, and it fits; but it cannot check this kind of signature, which only"
        " our server has. A newer browser can.",
    ),
    "own_check_wrong": (
        "您的手机自己算了一遍：这张凭证不对。",
        "Your device worked it out itself: this receipt is not right.",
    ),
    "own_check_cannot": (
        "您的浏览器不能自己查（要用 https 打开这一页）。上面是我们的服务器查的。",
        "Your browser cannot check it itself (the page must be opened by https). The above was checked by our server.",
    ),
    # why a receipt is not right
    "wrong_not_a_receipt": ("这不是一张完整的凭证：抄错了，或者漏了。", "It is no whole receipt."),
    "wrong_other_log": ("它是别处账本的，这里查不了。", "It is of other books, which cannot be checked here."),
    "wrong_not_signed": ("上面没有这本账的签名。", "It does not bear the signature of these books."),
    "wrong_bad_signature": ("签名不对：凭证被改过。", "The signature is wrong: the receipt was changed."),
    "wrong_not_in_the_log": ("它的内容和签过名的账本对不上。", "What it says does not fit what the books have signed."),
    "wrong_path_length": ("它太长或者太短，被改过。", "It is too long or too short: it was changed."),
    "wrong_index_outside": ("它说的位置不在账本里。", "The place that it names is not in the log."),
    "wrong_other_leaf": ("它的内容和校验值对不上。", "What it says and its hash do not belong together."),
    "wrong_other_book": ("它的内容是另一本账的。", "What it says is of another book."),
    "wrong_opening_differs": ("摘要和记账时的不一样，被改过。", "The texts are not those of the booking."),
    "wrong_line_unreadable": ("它的内容看不懂。", "What it says cannot be read."),
    "wrong_log_is_shorter": (
        "今天的账本比签名那时还短，账本出了问题。请把凭证交给审计人员。",
        "The books are shorter today than when this was signed. Please show it to an auditor.",
    ),
    "wrong_log_was_changed": (
        "账本后来被改过：那时的账不是今天账本的开头。请把凭证交给审计人员。",
        "The books were changed since: what they were then is not how they begin today. Please show it to an auditor.",
    ),
    "wrong_other_promise": ("承诺的内容和签名对不上。", "The promise and its signature do not belong together."),
    "wrong_other_transaction": ("账本里的是另一笔。", "What is in the books is another entry."),
    "wrong_other_content": (
        "账本里的这一笔和承诺的不一样。请把承诺交给审计人员。",
        "The entry in the books is not the one that was promised. Please show the promise to an auditor.",
    ),
    # the code of a receipt
    "slip": ("记账凭证", "Receipt of the books"),
    "slip_alt": ("记账凭证码", "Code of the receipt"),
    "slip_open": ("查这张凭证", "Check this receipt"),
    "slip_passbook": (
        "扫这个码，谁都能查：最近记的这一笔，在不在公开的账本里。",
        "Scan this, and anybody sees that the last published entry is in the public books.",
    ),
    "slip_redemption": (
        "扫这个码，谁都能查：这次兑换，在不在公开的账本里。",
        "Scan this, and anybody sees that this redemption is in the public books.",
    ),
    "slip_proof": (
        "扫这个码，谁都能查：这里最后记的服务时长，在不在公开的账本里。",
        "Scan this, and anybody sees that the last of these hours to be booked is in the public books.",
    ),
    "slip_soon": ("记账凭证：明天起可查。", "Receipt of the books: it can be checked from tomorrow on."),
}

"""What the pages say where a code is scanned."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "scan": ("扫码", "Scan"),
    "scan_stop": ("停下", "Stop"),
    "scan_ways": (
        "可以扫码、用扫码枪、拍照，也可以输入数字。",
        "Scan it, use a scanner gun, take a photo, or type the digits.",
    ),
    "scan_looking": ("请把码放在画面中间。", "Hold the code in the middle of the picture."),
    "scan_found": ("读到了。", "Found it."),
    "scan_nothing": (
        "没有看到码。请把码放平、靠近一点再扫，或者拍照、输入数字。",
        "No code was seen. Hold it flat and closer and scan again, or take a photo, or type the digits.",
    ),
    "scan_denied": (
        "浏览器没有得到用相机的许可。请在浏览器设置里允许，或者拍照、输入数字。",
        "The browser may not use the camera. Please allow it in the settings, or take a photo, or type the digits.",
    ),
    "scan_missing": (
        "这台设备没有相机。请用扫码枪，或者输入数字。",
        "This device has no camera. Please use a scanner gun, or type the digits.",
    ),
    "scan_busy": (
        "相机打不开，可能别的程序在用。请关掉别的程序再试，或者输入数字。",
        "The camera does not open; another program may be using it. Close that and try again, or type the digits.",
    ),
    "scan_insecure": (
        "这个网址不是 https，浏览器不让用相机。请拍照，或者输入数字。",
        "This address is not https, so the browser does not let us use the camera. Take a photo, or type the digits.",
    ),
    "scan_offline": (
        "网络不通。请看一下网络再试，或者输入数字。",
        "There is no network. Please look after it and try again, or type the digits.",
    ),
    "scan_ended": (
        "这台收银设备已停用，或页面开得太久。请刷新页面。",
        "This till has ended, or the page was open for too long. Please load it again.",
    ),
    "scan_unread": (
        "照片里没有看到一个完整的码。请靠近一点，再拍一张。",
        "No whole code is seen in this photo. Please go closer and take another one.",
    ),
    "scan_mistyped": (
        "数字不对，没有发出。请核对 18 位数字，或者重新扫。",
        "These digits are not right and were not sent. Please check all 18 of them, or scan again.",
    ),
    "scan_photo": ("给码拍张照片", "Take a photo of the code"),
    "scan_photo_do": ("读照片", "Read the photo"),
    "try": ("练习扫码", "Practise scanning"),
    "try_about": (
        "随便扫一个积分码、卡或票券。这里只读数字，不扣积分。",
        "Scan any pay code, card, ticket or voucher. It is only read here, and nothing is spent.",
    ),
    "try_do": ("读一下", "Read it"),
    "try_read": ("读到了 {digits}", "Read: {digits}"),
    "try_moves_nothing": ("只是练习，积分没有动。", "This was practice: no points were moved."),
    "photo_too_large": ("照片太大了", "This photo is too large"),
    "photo_too_large_do": (
        "没有收下。请把相机的照片调小（8 MB 以内）再拍，或者输入数字。",
        "It was not taken. Please set the camera to smaller photos (300 kB at most), or type the digits.",
    ),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {
    "photo": ("照片", "The photo"),
    "scan_digits": ("码上的数字", "The digits of the code"),
}

WRONG: Final[dict[str, tuple[str, str]]] = {
    "picture_too_large": (
        "{field}太大，没有读。请把相机的照片调小，或者输入数字。",
        "{field} is too large and was not read. Please set the camera to smaller photos, or type the digits.",
    ),
    "not_a_picture": (
        "{field}打不开。请用 JPEG、PNG 或 WebP 照片，重拍一张。",
        "{field} cannot be opened. Please take it again, as JPEG, PNG or WebP.",
    ),
    "no_code": (
        "{field}里没有看到一个完整的码。请靠近一点，再拍一张。",
        "{field} shows no whole code. Please go closer and take another one.",
    ),
}

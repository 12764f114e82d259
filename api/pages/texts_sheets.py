"""What the pages of sheets say."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "tile_sheets": ("上传时长表", "A sheet of hours"),
    "tile_sheets_about": ("一次交一张服务时长表", "Hand in many service hours at once"),
    "sheet": ("上传时长表", "A sheet of hours"),
    "sheet_about": (
        "表格可以是 XLSX 或 CSV，最大 8 MB，最多一万行。写对的行会收下，等人复核；有错的行会列出来，改好后可以再交。",
        "XLSX or CSV, up to 8 MB and 10,000 lines. Lines that are right are taken and wait for a review; the others are"
        " named, and can be handed in again when they are mended.",
    ),
    "sheet_columns": ("表头要有这些列：", "Its header has these columns:"),
    "sheet_file": ("选择表格", "Choose the sheet"),
    "sheet_do": ("交上去", "Hand it in"),
    "sheet_done": ("时长表已收到", "The sheet has been read"),
    "sheet_accepted": ("新收下 {count} 条，等人复核。", "New: {count}. They wait for a review."),
    "sheet_there": ("原来就有 {count} 条，没有改动。", "There already, and unchanged: {count}."),
    "sheet_refused": ("没有收下 {count} 条。", "Not taken: {count}."),
    "sheet_all_taken": ("全部收下了。", "All of them were taken."),
    "sheet_line": ("第 {line} 行", "Line {line}"),
    "sheet_more": (
        "还有 {count} 行有错，没有列出。请先改好这些。",
        "{count} more are not listed. Please mend these first.",
    ),
    "too_large": ("送来的太大了", "That is too large"),
    "too_large_do": (
        "没有收下。请分成几份，一份一份地交。",
        "It was not taken. Please split it, and send one part after another.",
    ),
    "sheet_again": ("再交一张", "Another sheet"),
}

FIELDS: Final[dict[str, tuple[str, str]]] = {"sheet": ("表格", "The sheet")}

"""Sheets as people make them: encodings, delimiters, headers, workbooks; and files that are made to do harm."""

from __future__ import annotations

import csv
import io
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from api import problems, sheets, workbooks
from api.sheets import HOURS, OPENING, ORGANISATIONS
from api.workbooks import Limits
from ledger.errors import InvalidField, UnreadableSheet
from tests.soak import hours

DATA = Path(__file__).parent.parent / "data" / "hours"
YEAR = (DATA / "service-hours-2026.csv").read_bytes()
CHINESE = [column.chinese for column in HOURS]
ENGLISH = [column.name for column in HOURS]
LINE = ["R1", "370000000001", "370101T1", "A1", "义诊", "医疗卫生", "2026-08-27 14:15", "2026-08-27 15:50",
        "签到签退", "队长", ""]  # fmt: skip


def read(content: bytes | str, columns: Any = HOURS, limits: Limits | None = None) -> list[Any]:
    raw = content.encode() if isinstance(content, str) else content
    return [(number, fields) for number, fields, _ in sheets.lines(io.BytesIO(raw), "sheet", columns, limits=limits)]


def text(*rows: list[str], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def workbook(*rows: list[Any], change: Callable[[Any, Any], None] = lambda book, sheet: None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    change(book, sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def line(**changed: Any) -> list[Any]:
    """The line of these tests with other fields."""
    return [changed.get(name, value) for name, value in zip(ENGLISH, LINE, strict=True)]


def repacked(content: bytes, part: str, new: bytes | None) -> bytes:
    """A workbook one of whose parts is another."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            if name != part:
                after.writestr(name, before.read(name))
        if new is not None:
            after.writestr(part, new)
    return out.getvalue()


def shared(content: bytes) -> bytes:
    """The workbook as most programs write it: its texts in a part that cells share, some with phonetic ones beside."""
    texts: list[bytes] = []

    def cell(found: re.Match[bytes]) -> bytes:
        texts.append(found[2])
        return found[1] + b't="s"><v>%d</v></c>' % (len(texts) - 1)

    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet, relations = parts.read(SHEET), parts.read(RELATIONS)
    sheet = re.sub(rb'(<c r="\w+" )t="inlineStr"><is><t>(.*?)</t></is></c>', cell, sheet)
    rest = b"".join(b"<si><r><t>%b</t></r><rPh><t>x</t></rPh></si>" % text for text in texts)
    kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    relation = b'<Relationship Id="s" Type="%b" Target="sharedStrings.xml"/></Relationships>' % kind
    raw = repacked(content, SHEET, sheet)
    raw = repacked(raw, RELATIONS, relations.replace(b"</Relationships>", relation))
    return repacked(raw, STRINGS, b"<sst>" + rest + b"</sst>")


def problem_of(content: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(UnreadableSheet) as refused:
        read(content, limits=limits)
    for language in ("zh", "en"):
        assert problems.sentence(refused.value, language).count("sheet") == 1
    return refused.value.problem


SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"


# --- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_sheet_is_the_same_in_every_encoding_and_with_every_delimiter(encoding: str, delimiter: str) -> None:
    rows = list(csv.reader(io.StringIO(YEAR.decode("utf-8-sig"))))
    written = text(*rows, delimiter=delimiter).encode(encoding)
    assert read(written) == [(number, tuple(row)) for number, row in enumerate(rows[1:], start=2)]


def test_a_header_may_be_english_in_any_order_and_stand_below_a_title_beside_columns_of_others() -> None:
    order = [3, 1, 0, 2, *range(10, 3, -1)]
    title = ["2026年服务时长"]
    header = ["备注", *(ENGLISH[place].upper() for place in order), ""]
    row = ["x", *(LINE[place] for place in order), ""]
    assert read(text(title, [], header, row)) == [(4, tuple(LINE))]


@pytest.mark.parametrize("make", [lambda *rows: text(*rows).encode(), workbook])
def test_a_missing_or_doubled_column_is_named(make: Callable[..., bytes]) -> None:
    for header in (CHINESE[:6] + CHINESE[7:], [*CHINESE, "check_in"]):
        with pytest.raises(UnreadableSheet) as refused:
            read(make(header, LINE[: len(header)]))
        assert (refused.value.problem, refused.value.detail) == ("missing_columns", "签到时间 (check_in)")
    assert "签到时间" in problems.sentence(refused.value, "zh")


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\x00" * 5000, "你好".encode("gb18030"), b"PK\x03\x04", b"PK\x05\x06"]
)
def test_what_is_no_sheet_is_refused_as_a_whole(content: bytes) -> None:
    assert problem_of(content) in ("missing_columns", "not_a_workbook")


def test_a_damaged_line_costs_itself_only() -> None:
    broken = text(CHINESE, LINE).encode()
    broken += b'R2,"stray,x\r\n' + b"R3,\xff\xfe\r\n" + "R4,甲,乙".encode() + b"," * 20 + b"z\r\n"
    broken += text(line(record="R5")).encode() + b"R6\0," + b"," * 9 + b"\n" + b"a" * 200_000 + b"\nR7"
    told = list(sheets.lines(io.BytesIO(broken), "sheet", HOURS))
    bad = InvalidField("line", "not_csv").problem
    assert [(number, first, isinstance(f, tuple) or f.problem) for number, f, first in told] == [
        (2, "R1", True),
        (3, "R2", bad),
        (4, "", bad),
        (5, "R4", bad),
        (6, "R5", True),
        (7, "R6\0", "not_one_line"),
        (8, "", bad),
        (9, "R7", True),
    ]


def test_blank_lines_and_blanks_around_fields_do_not_matter() -> None:
    padded = ["\t" + LINE[0], f" {LINE[1]}　", *LINE[2:]]
    content = text([*CHINESE, "", ""], [], [""] * 13, [*padded, "", ""], [" "], [","]) + "\r\n,,,,\r\n"
    assert next(fields for _, fields in read(content) if isinstance(fields, tuple)) == tuple(LINE)
    assert len(read(text([*CHINESE, ""], [""] * 12, [*LINE, ""], [" "] * 12))) == 1


def test_a_number_that_became_a_decimal_is_a_number_again() -> None:
    [(_, fields)] = read(text(CHINESE, line(volunteer="370000000001.0", organisation="370101.00")))
    assert fields[1:3] == ("370000000001", "370101")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-08-27 14:15", datetime(2026, 8, 27, 6, 15, tzinfo=UTC)),
        ("2026-08-27 14:15:59", datetime(2026, 8, 27, 6, 15, 59, tzinfo=UTC)),
        ("2026/8/7 9:05", datetime(2026, 8, 7, 1, 5, tzinfo=UTC)),
        ("2026-08-27T14:15:00.000", datetime(2026, 8, 27, 6, 15, tzinfo=UTC)),
        ("2026/08/27  0:00", datetime(2026, 8, 26, 16, 0, tzinfo=UTC)),
        *((wrong, None) for wrong in ("", "昨天上午", "2026-13-01 09:00", "2026-02-29 09:00", "2026-08-27",
                                      "2026-08-27 24:00", "2026/08-27 09:00", "14:15", "46254.59",
                                      "２０２６-08-27 14:15", "2026-08-27 9:5", "0000-01-01 00:00")),
    ],
)  # fmt: skip
def test_times_are_read_as_sheets_write_them(written: str, meant: datetime | None) -> None:
    assert sheets.time_of(written) == meant


# --- workbooks -------------------------------------------------------------------------------------------------------


def test_a_workbook_has_the_lines_of_the_text() -> None:
    rows = list(csv.reader(io.StringIO(YEAR.decode("utf-8-sig"))))
    written = workbook(*rows[:500])
    assert read(shared(written)) == read(written) == read(YEAR)[:499]


@pytest.mark.parametrize("since_1904", [False, True])
def test_times_and_numbers_of_a_workbook_are_read_as_people_see_them(since_1904: bool) -> None:
    def count_from_1904(book: Any, sheet: Any) -> None:
        if since_1904:
            book.epoch = CALENDAR_MAC_1904

    times = [datetime(2026, 8, 27, 14, 15), datetime(2026, 8, 27, 23, 59, 59)]  # noqa: DTZ001 # spreadsheets know no zones
    row = line(volunteer=370000000001.0, organisation=370101, check_in=times[0], check_out=times[1], reviewer=None)
    [(number, fields)] = read(workbook(CHINESE, row, change=count_from_1904))
    assert number == 2
    assert fields[1:3] == ("370000000001", "370101")
    assert fields[6:8] == ("2026-08-27 14:15:00", "2026-08-27 23:59:59")


def test_a_time_that_is_a_bare_number_of_days_counts_and_other_numbers_do_not() -> None:
    # 46261.59375 is 2026-08-27 14:15; and the same instant as binary fractions have it.
    rows = [line(check_in=46261.59375), line(check_in=46261.593749999999), line(check_in=0.59375), line(check_in=-1),
            line(check_in=1e300), line(check_in=True)]  # fmt: skip
    got = [fields[6] for _, fields in read(workbook(CHINESE, *rows))]
    assert got == ["2026-08-27 14:15:00", "2026-08-27 14:15:00", "0.59375", "-1", "1e+300", "TRUE"]


def test_a_number_too_long_for_a_spreadsheet_is_not_guessed() -> None:
    [(_, fault), (_, fields)] = read(workbook(CHINESE, line(volunteer=371302199901011234), line(volunteer=1.5)))
    assert (fault.field, fault.problem) == ("volunteer", "number_lost_digits")
    assert fields[1] == "1.5"


def test_a_formula_is_its_stored_result_and_without_one_the_line_is_refused() -> None:
    raw = workbook(CHINESE, line(volunteer="=1+1"), LINE)
    [(_, fault), (_, fields)] = read(raw)
    assert (fault.field, fault.problem, fields) == ("volunteer", "formula_without_value", tuple(LINE))
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        xml = parts.read(SHEET)
    for value, kind, read_as in ((b"<v>37001</v>", b"", "37001"), (b"<v>V-1</v>", b' t="str"', "V-1")):
        at = xml.index(b"<f>")
        cell = xml.rindex(b"<c ", 0, at)
        end = xml.index(b"</c>", at)
        with_value = b'<c r="B2"' + kind + b"><f>1+1</f>" + value
        [(_, fields), _] = read(repacked(raw, SHEET, xml[:cell] + with_value + xml[end:]))
        assert fields[1] == read_as


def test_a_merged_cell_stands_in_each_of_its_rows() -> None:
    def merge(book: Any, sheet: Any) -> None:
        sheet.merge_cells("D3:E5")
        sheet.merge_cells("G3:G4")
        sheet.merge_cells("A1:K1")

    rows = [line(record=f"R{n}", activity="", activity_name="") for n in range(3)]
    rows[0][3], rows[1][6] = "A7", ""
    got = read(workbook(["2026年"], CHINESE, *rows, [], line(record="R9", activity=""), change=merge))
    assert [(number, fields[0], fields[3], fields[4], fields[6]) for number, fields in got] == [
        (3, "R0", "A7", "", LINE[6]),
        (4, "R1", "A7", "", LINE[6]),
        (5, "R2", "A7", "", LINE[6]),
        (7, "R9", "", LINE[4], LINE[6]),
    ]


def test_rows_and_columns_that_are_only_coloured_are_no_lines() -> None:
    def colour(book: Any, sheet: Any) -> None:
        for row in range(4, 100):
            for column in range(1, 30):
                sheet.cell(row, column).fill = openpyxl.styles.PatternFill("solid", fgColor="FFFF00")
        sheet.cell(400, 3).value = "  "

    assert read(workbook(CHINESE, LINE, change=colour)) == [(2, tuple(LINE))]


def test_the_first_visible_sheet_with_the_header_is_taken() -> None:
    def more(book: Any, sheet: Any) -> None:
        sheet.title = "说明"
        hidden, second, third = (book.create_sheet(name) for name in ("旧", "时长", "再"))
        hidden.sheet_state = "hidden"
        for each, record in ((hidden, "R-old"), (second, "R-this"), (third, "R-other")):
            each.append(CHINESE)
            each.append(line(record=record))

    assert [fields[0] for _, fields in read(workbook(["读我"], ["x"], change=more))] == ["R-this"]


def test_other_programs_workbooks_are_read_too() -> None:
    """With prefixes, without references, with texts in the cells and phonetic ones beside them, with other paths."""
    cells = "".join(f'<x:c t="inlineStr"><x:is><x:r><x:t>{name[:2]}</x:t></x:r><x:r><x:t>{name[2:]}</x:t></x:r>'
                    '<x:rPh><x:t>pinyin</x:t></x:rPh></x:is></x:c>' for name in CHINESE)  # fmt: skip
    values = "".join(f'<x:c t="str"><x:v>{value}</x:v></x:c>' for value in LINE)
    dated = values.replace('t="str"><x:v>2026-08-27 14:15', 't="d"><x:v>2026-08-27T14:15:00')
    ns = 'xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
        kind = "http://purl.oclc.org/ooxml/officeDocument/relationships"
        parts.writestr("_rels/.rels", f'<R><Relationship Id="a" Type="{kind}/officeDocument" Target="/w/b.xml"/></R>')
        parts.writestr(
            "w/b.xml", f'<x:workbook {ns} xmlns:d="{kind}"><x:sheets><x:sheet d:id="s"/></x:sheets></x:workbook>'
        )
        parts.writestr("w/_rels/b.xml.rels", f'<R><Relationship Id="s" Type="{kind}/worksheet" Target="../s.xml"/></R>')
        parts.writestr(
            "s.xml",
            f"<x:worksheet {ns}><x:sheetData><x:row>{cells}</x:row><x:row>{dated}</x:row></x:sheetData></x:worksheet>",
        )
    [(number, fields)] = read(out.getvalue())
    assert (number, fields[:6], fields[6]) == (2, tuple(LINE[:6]), "2026-08-27T14:15:00")


def test_organisations_and_hours_carried_over_are_sheets_too() -> None:
    assert len(read((DATA / "organisations.csv").read_bytes(), ORGANISATIONS)) == 85
    [(_, fields), _] = read(workbook(["volunteer", "credit_minutes"], [370000000001, 17400.0], ["x", 1.5]), OPENING)
    assert fields == ("370000000001", "17400")


# --- harm ------------------------------------------------------------------------------------------------------------


def test_an_encrypted_or_old_workbook_is_told_apart() -> None:
    assert problem_of(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600) == "protected"


def bomb(part: str, xml: tuple[bytes, bytes, bytes], size: int, declared: int | None = None) -> bytes:
    """A workbook whose part unpacks to so many bytes; `declared`: what the archive says of it."""
    raw = repacked(shared(workbook(CHINESE, LINE)), part, None)
    out = io.BytesIO(raw)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as parts, parts.open(part, "w") as into:
        start, again, end = xml
        into.write(start)
        block = again * (1 + (1 << 20) // len(again))
        for _ in range(size // len(block)):
            into.write(block)
        into.write(end)
    packed = out.getvalue()
    if declared is not None:
        at = packed.rindex(b"PK\x01\x02")
        packed = packed[: at + 24] + declared.to_bytes(4, "little") + packed[at + 28 :]
    return packed


LIMITS = Limits(sheet=12 << 20, strings=4 << 20)
ROWS = (b"<worksheet><sheetData>", b"<row><c><v>1</v></c></row>", b"</sheetData></worksheet>")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(bomb(SHEET, ROWS, 16 << 20), "too_large", id="rows without end"),
        pytest.param(bomb(SHEET, ROWS, 16 << 20, declared=1000), "damaged", id="more than the archive says"),
        pytest.param(bomb(STRINGS, (b"<sst>", b"<si><t>x</t></si>", b"</sst>"), 8 << 20), "too_large",
                     id="strings without end"),
        pytest.param(bomb(SHEET, (b"<a><row>", b"<b>", b""), 8 << 20), "damaged", id="depth"),
        pytest.param(bomb(SHEET, (b'<a><row><c x="', b"y", b'"/></row></a>'), 8 << 20), "damaged",
                     id="one endless tag"),
        pytest.param(bomb(SHEET, (b"<a><row><c><v>", b"7", b"</v></c></row></a>"), 8 << 20), "missing_columns",
                     id="one endless text"),
        pytest.param(bomb(SHEET, (b"<a><row>", b"<c><v>1</v></c>", b"</row></a>"), 8 << 20), "damaged",
                     id="one endless row"),
        pytest.param(repacked(workbook(CHINESE), SHEET, b"<a>" + b"".join(b"<n%d/>" % n for n in range(99_999))),
                     "damaged", id="names without end"),
        pytest.param(repacked(workbook(CHINESE), SHEET, b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'), "damaged",
                     id="entities"),
        pytest.param(repacked(workbook(CHINESE), SHEET, b"<a><row></a>"), "damaged", id="broken XML"),
        pytest.param(repacked(workbook(CHINESE), SHEET, "<a/>".encode("utf-16")), "damaged", id="another encoding"),
        pytest.param(repacked(workbook(CHINESE), SHEET, b'<a><row r="99999999"/></a>'), "damaged", id="a row beyond"),
        pytest.param(repacked(workbook(CHINESE), SHEET, b'<a><row><c r="ZZZ1"><v>1</v></c></row></a>'), "damaged",
                     id="a column beyond"),
        pytest.param(repacked(workbook(CHINESE), SHEET, b'<a><row><c t="s"><v>99</v></c></row></a>'), "damaged",
                     id="a string that is not there"),
        pytest.param(repacked(workbook(CHINESE), SHEET, None), "not_a_workbook", id="no sheet"),
        pytest.param(repacked(workbook(CHINESE), "_rels/.rels", None), "not_a_workbook", id="no workbook"),
        pytest.param(workbook(CHINESE, LINE)[:-300], "not_a_workbook", id="cut off"),
    ],
)  # fmt: skip
def test_a_file_made_to_do_harm_is_refused_before_memory_grows(content: bytes, problem: str) -> None:
    tracemalloc.start()
    try:
        assert problem_of(content, LIMITS) == problem
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20


def test_a_directory_of_countless_files_is_not_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        for number in range(3000):
            parts.writestr(str(number), b"")
    assert problem_of(out.getvalue()) == "too_large"


def test_a_part_that_is_changed_is_noticed_before_a_line_is_taken() -> None:
    whole = bytearray(workbook(CHINESE, *[line(record=f"R{n}") for n in range(1000)]))
    with zipfile.ZipFile(io.BytesIO(whole)) as parts:
        entry = parts.getinfo(SHEET)
    whole[entry.header_offset + 60 + entry.compress_size // 2] ^= 0xFF
    with pytest.raises(UnreadableSheet) as refused:
        next(iter(sheets.lines(io.BytesIO(whole), "sheet", HOURS)))
    assert refused.value.problem == "damaged"


@pytest.mark.parametrize("write", [hours.write_csv, hours.write_workbook])
def test_lines_are_read_one_by_one_however_many_there_are(write: Callable[..., None], tmp_path: Path) -> None:
    peaks = []
    for count in (1000, 4000):
        write(tmp_path / "sheet", count, 500)
        with (tmp_path / "sheet").open("rb") as file:
            tracemalloc.start()
            try:
                assert sum(isinstance(fields, tuple) for _, fields, _ in sheets.lines(file, "sheet", HOURS)) == count
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
    few, many = peaks
    assert many < few + (1 << 19), "what grows are the texts that cells share, some dozen bytes each"


def test_the_limits_hold_half_a_million_lines() -> None:
    one = (
        '<row r="500000">' + "".join(f'<c r="K500000" s="12" t="s"><v>{n}999999</v></c>' for n in range(11)) + "</row>"
    )
    assert len(one) * 500_000 < workbooks.MOST_SHEET

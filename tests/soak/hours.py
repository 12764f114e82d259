"""A sheet of service hours as large as one likes, as CSV and as a workbook with shared strings."""

from __future__ import annotations

import io
import itertools
import random
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

HEADER = (
    *("record", "volunteer", "organisation", "activity", "activity_name", "category"),
    *("check_in", "check_out", "class", "recorder", "reviewer"),
)

_KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def lines(count: int, people: int, organisations: int = 60) -> Iterator[tuple[str, ...]]:
    """Services of so many people, each at a time of its own; a fiftieth was entered afterwards."""
    chance = random.Random(5)
    for number in range(count):
        person, turn = number % people, number // people
        day = date(2026, 1, 1) + timedelta(days=turn % 300)
        hour = 7 + turn // 300 % 12
        afterwards = number % 50 == 0
        yield (
            f"R{number:07}",
            f"37{person:010}",
            f"O{chance.randrange(organisations)}",
            f"A{number // 20}",
            "社区义诊",
            "医疗卫生",
            f"{day} {hour:02}:00",
            f"{day} {hour:02}:{chance.randrange(10, 60)}",
            "backfill" if afterwards else "check_in_out",
            "队长",
            "审核" if afterwards else "",
        )


def write_csv(file: Path, count: int, people: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        out.write(",".join(HEADER) + "\r\n")
        out.writelines(",".join(line) + "\r\n" for line in lines(count, people))


def write_workbook(file: Path, count: int, people: int) -> None:
    """As spreadsheet programs do it: each different text once, in a part that the cells share."""
    places: dict[str, int] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as parts:
        parts.writestr("_rels/.rels", f'<R><Relationship Id="a" Type="{_KIND}/officeDocument" Target="xl/b.xml"/></R>')
        parts.writestr("xl/b.xml", '<workbook xmlns:r="x"><sheets><sheet name="1" r:id="s"/></sheets></workbook>')
        parts.writestr(
            "xl/_rels/b.xml.rels",
            f'<R><Relationship Id="s" Type="{_KIND}/worksheet" Target="s.xml"/>'
            f'<Relationship Id="t" Type="{_KIND}/sharedStrings" Target="t.xml"/></R>',
        )
        with parts.open("xl/s.xml", "w", force_zip64=True) as raw, io.TextIOWrapper(raw, "utf-8") as out:
            out.write("<worksheet><sheetData>")
            for row, line in enumerate(itertools.chain([HEADER], lines(count, people)), 1):
                cells = "".join(
                    f'<c r="{chr(65 + place)}{row}" s="1" t="s"><v>{places.setdefault(value, len(places))}</v></c>'
                    for place, value in enumerate(line)
                    if value
                )
                out.write(f'<row r="{row}" spans="1:11">{cells}</row>')
            out.write("</sheetData></worksheet>")
        with parts.open("xl/t.xml", "w", force_zip64=True) as raw, io.TextIOWrapper(raw, "utf-8") as out:
            out.write("<sst>" + "".join(f"<si><t>{value}</t></si>" for value in places) + "</sst>")

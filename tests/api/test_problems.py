"""Every refusal and fault of the domain has its words."""

from __future__ import annotations

import dataclasses
import re

import pytest

from api import problems
from ledger import errors
from ledger.errors import Fault, Refusal


def leaves(kind: type) -> list[type]:
    below = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return below or [kind]


REFUSALS = leaves(Refusal)
FAULTS = leaves(Fault)


def test_the_tables_hold_exactly_the_refusals_and_faults_that_there_are() -> None:
    assert set(problems.REFUSALS) == set(REFUSALS)
    assert set(problems.FAULTS) == set(FAULTS)


def test_stored_refusals_are_409_and_codes_are_unique() -> None:
    assert all(problems.REFUSALS[kind].status == 409 for kind in REFUSALS if kind.stored)
    codes = [row.code for row in problems.REFUSALS.values()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("kind", [*REFUSALS, *FAULTS], ids=lambda kind: kind.__name__)
def test_the_sentences_use_facts_that_there_are_and_end_as_sentences(kind: type) -> None:
    facts = {field.name for field in dataclasses.fields(kind)}
    if kind is errors.IdempotencyConflict:
        facts = {"key", "field"}
    if kind is errors.PortTaken:
        facts |= {"another"}
    row = problems.REFUSALS.get(kind)
    for text in (row.zh, row.en) if row else problems.FAULTS[kind]:
        assert set(re.findall(r"{(\w+)}", text)) <= facts
    zh, en = (row.zh, row.en) if row else problems.FAULTS[kind]
    assert re.search("[\u4e00-\u9fff]", zh)
    assert not re.search("[\u4e00-\u9fff]", en)


def test_the_tree_in_the_docstring_names_every_error() -> None:
    for kind in (*REFUSALS, *FAULTS):
        assert re.search(rf"\b{kind.__name__}\b", errors.__doc__ or ""), kind.__name__

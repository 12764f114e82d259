"""How bodies are read: that no name stands twice is seen by counting, and counting must not be fooled."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from api import requests

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('"\\/u0022n{}[]:, 雪𠮷\n\x00')) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from('"\\ab:')), inner),
)


def strings_in(value: Any) -> int:
    """How many strings a value is made of, names and values."""
    if isinstance(value, dict):
        return sum(1 + strings_in(inner) for inner in value.values())
    if isinstance(value, list):
        return sum(map(strings_in, value))
    return isinstance(value, str)


@given(VALUES, st.booleans(), st.sampled_from([None, 0, 2]))
def test_two_quotation_marks_are_counted_for_each_string(value: Any, ascii_only: bool, indent: int | None) -> None:
    usual = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    by_number = usual.replace("\\\\", "\\u005c").replace('\\"', "\\u0022")
    for text in (usual, by_number):
        assert json.loads(text) == value
        assert requests._quotes(text.encode()) == 2 * strings_in(value)

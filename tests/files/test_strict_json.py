"""One text for one value, and one value for one text."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_mlp.files import strict_json
from portable_mlp.files.errors import Refusal

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_VALUES)
def test_round_trip(value: Any) -> None:
    text = strict_json.dumps(value)
    assert text.isascii()
    again = strict_json.loads(text, "it")
    assert again == value
    assert strict_json.dumps(again) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a":1,"a":1}', "it has a key twice, expected each once"),
        ('[{"a":{"b":1,"b":2}}]', "it has a key twice"),
        ('{"a":1,"\\u0061":1}', "it has a key twice"),
        ("[NaN]", "it holds NaN, expected finite numbers"),
        ("-Infinity", "it holds -Infinity"),
        ("1e999", "it has a number beyond 1e308"),
        ("1" * 21, "it has a number of 21 digits, expected at most 20"),
        ("9" * 10_000, "it has a number of 10000 digits"),
        (
            "[" * 65 + "]" * 65,
            "it has 65 lists and objects of 0 items, 65 deep, expected at most",
        ),
        ("[" * 1_000_000, "1,000,000 deep"),
        ('{"a":' * 100_000, "100,000 deep"),
        ("[" + "[]," * 50_000 + "[]]", "it has 50,002 lists and objects of 50,000 items, 2 deep"),
        ("[0" + ",0" * 500_001 + "]", "of 500,001 items, 1 deep"),
        ("", "it is no JSON"),
        ("{} {}", "it is no JSON"),
        ("{'a':1}", "it is no JSON"),
        ('{"a":1,}', "it is no JSON"),
        ('"\n"', "it is no JSON"),
        ('"' + "\\", "it is no JSON"),
        ('"' + '\\"' * 1_000_000, "it is no JSON"),
        ("\ufeff{}", "it is no JSON"),
        ("\ud800", "it is no JSON"),
        ("01", "it is no JSON"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        strict_json.loads(text, "it")


def test_what_looks_deep_and_is_not() -> None:
    assert strict_json.loads(json.dumps("[" * 1000), "it") == "[" * 1000
    assert strict_json.loads(json.dumps(['"[\\', "{" * 99]), "it") == ['"[\\', "{" * 99]
    assert strict_json.loads("[" * 64 + "]" * 64, "it")


def test_depth_does_not_depend_on_the_recursion_limit() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)  # a parser that trusts it ends the process here
    try:
        with pytest.raises(Refusal, match="deep"):
            strict_json.loads("[" * 300_000, "it")
    finally:
        sys.setrecursionlimit(limit)


def test_numbers_that_are_not_finite_are_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        strict_json.dumps([float("nan")])

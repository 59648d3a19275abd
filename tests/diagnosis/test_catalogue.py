"""The page and the catalogue say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from portable_mlp.diagnosis.catalogue import CATALOGUE

PAGE = Path(__file__).parents[2] / "docs" / "diagnosis.md"


def test_the_page_has_every_fault_and_no_other() -> None:
    if not PAGE.exists():
        pytest.skip("docs/ lies in the source tree, which is not here")
    text = PAGE.read_text(encoding="utf-8").partition("## What it can say")[2].partition("\n## ")[0]
    rows = [line.split(" | ", 1) for line in text.splitlines()]
    found = {row[0].strip("| "): row[1].strip(" |") for row in rows if len(row) == 2}
    found.pop("id")
    found = {id: title for id, title in found.items() if not id.startswith("---")}
    assert found == {id: entry.title for id, entry in CATALOGUE.items()}

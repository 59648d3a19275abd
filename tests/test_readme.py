"""What the README shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


@pytest.fixture
def text() -> str:
    if not README.exists():
        pytest.skip("the README lies in the source tree, which is not here")
    return README.read_text(encoding="utf-8")


def test_the_first_program_runs(text: str) -> None:
    block = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    names: dict[str, object] = {}
    exec(block, names)  # noqa: S102
    history = names["history"]
    assert history["accuracy"][-1] > 0.97  # type: ignore[index]


def test_links_lead_somewhere(text: str) -> None:
    pages = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]
    for page in pages:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not link.startswith("https://"):
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_design_names_every_file() -> None:
    page = ROOT / "docs" / "design.md"
    if not page.exists():
        pytest.skip("docs/ lies in the source tree, which is not here")
    house = page.read_text(encoding="utf-8").split("```")[1]
    for path in (ROOT / "portable_mlp").iterdir():
        if path.suffix == ".py" and path.name not in ("__main__.py",):
            assert path.stem.strip("_") in house.replace("__", ""), path.name

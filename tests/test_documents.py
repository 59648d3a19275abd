"""Every block of code in README.md and docs/ runs, and prints what is shown below it.

A page is a session: its ```python and ```sh blocks run in order, in one namespace and one temporary
folder. A ```text block straight after one of them is what it prints, ``...`` standing for anything;
one that begins with ``$`` has its command in its first line.
Comments that a reader does not see steer it:

    <!-- setup                  Python that runs before the next block: small data, files
    X = ...
    -->
    <!-- not run: reason -->    the next block is only shown; the reason is printed
    <!-- needs: pyarrow -->     the next block, and its setup, run where that can be imported
    <!-- not compared: reason --> what the next block shows is not what comes out, to the letter
"""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import portable_mlp

ROOT = Path(__file__).parent.parent
PAGES = [
    path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if path.exists()
]
LANGUAGES = {"python", "sh", "text", "math", ""}
SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Part:
    """A block of code, or a comment that steers."""

    page: Path
    line: int  # of its first line of code
    kind: str  # python, sh, text, setup, not run, needs, not compared
    text: str
    follows: bool = False  # nothing but comments between it and the block before

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


FENCE = re.compile(
    r"^```(?P<language>[^\n`]*)\n(?P<code>.*?)^```$"
    r"|^<!--\s*(?P<comment>setup|not run|needs|not compared)\b:?(?P<said>.*?)-->",
    re.DOTALL | re.MULTILINE,
)


def parts(page: Path) -> list[Part]:
    """What is on a page, in order."""
    text = page.read_text(encoding="utf-8")
    found, end = list[Part](), 0
    for match in FENCE.finditer(text):
        is_code = match["comment"] is None
        between = re.sub(r"<!--.*?-->", "", text[end : match.start()], flags=re.DOTALL)
        line = text.count("\n", 0, match.start()) + 1 + is_code
        kind = match["language"].strip() if is_code else match["comment"]
        code = match["code"] if is_code else match["said"]
        found.append(Part(page, line, kind, code, follows=not between.strip()))
        end = match.end() if is_code else end
    return found


NEVER = {
    "pip install": "it installs packages; .ci/run runs the README's commands in fresh environments",
    "-m benchmarks": "it measures for minutes; .ci/run runs one round of the benchmarks",
}


def reason_against(part: Part, comment: Part) -> str:
    """Why a part does not run, or is not compared; empty where it does."""
    if comment.kind in ("not run", "not compared"):
        return " ".join(comment.text.split())
    if comment.kind == "needs" and (names := missing(comment.text)):
        return f"needs {', '.join(names)}, not installed here"
    if part.kind == "sh":
        return next((reason for words, reason in NEVER.items() if words in part.text), "")
    return ""


def missing(needs: str) -> list[str]:
    names = [name.strip() for name in needs.split(",")]
    return [name for name in names if importlib.util.find_spec(name) is None]


def steered(page: Path) -> tuple[list[Part], dict[Part, str]]:
    """The parts that run or are compared, and the reasons of those that are only shown."""
    nothing = Part(page, 0, "", "")
    runs, shown, comment = list[Part](), dict[Part, str](), nothing
    before = nothing  # the block of code before
    for part in parts(page):
        if part.kind == "setup":
            if not reason_against(part, comment):
                runs.append(part)
            continue
        if part.kind in ("not run", "needs", "not compared"):
            comment = part
            continue
        if part.kind == "text" and part.text.startswith("$ "):
            command, _, output = part.text[2:].partition("\n")
            pair = (replace(part, kind="sh", text=command), replace(part, text=output.lstrip("\n")))
            if reason := reason_against(pair[0], comment):
                shown[part] = reason
            else:
                runs.extend(pair)
            before, comment = nothing, nothing
            continue
        is_output = part.kind == "text" and part.follows and before.kind in ("python", "sh")
        if is_output and before in shown:
            shown[part] = shown[before]
        elif is_output or part.kind in ("python", "sh"):
            reason = reason_against(part, comment)
            if reason:
                shown[part] = reason
            else:
                runs.append(part)
        before, comment = part, nothing
    return runs, shown


class Session:
    """One namespace, one folder."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.folder, self.page, self.said = folder, page, ""
        programs = folder.parent / f"{folder.name}-programs"
        programs.mkdir()
        for name, words in (("python", ""), ("portable-mlp", "-m portable_mlp ")):
            program = programs / name
            program.write_text(
                f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n', encoding="utf-8"
            )
            program.chmod(0o755)
        (folder / "examples").symlink_to(ROOT / "examples")
        self.env = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(portable_mlp.__file__).parent.parent),
        }
        self.env.pop(
            "OCL_ICD_FILENAMES", None
        )  # dpnp's runtime has been seen to hang beside others

    def run(self, part: Part) -> None:
        if part.kind == "text":
            wanted = part.text if part.text.endswith("\n") else part.text + "\n"
            if not doctest.OutputChecker().check_output(wanted, self.said, SHOWN):
                pytest.fail(f"{part.place} shows\n{wanted}\nand this came out:\n{self.said}")
        elif part.kind == "sh":
            self.shell(part)
        elif ">>>" in part.text:
            self.prompts(part)
        else:
            self.python(part)

    def python(self, part: Part) -> None:
        source = "\n" * (part.line - 1) + part.text
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(source, str(part.page), "exec"), self.names)  # noqa: S102
        if part.kind != "setup":
            self.said = out.getvalue()

    def prompts(self, part: Part) -> None:
        test = doctest.DocTestParser().get_doctest(
            part.text, self.names, part.place, str(part.page), part.line - 1
        )
        said = io.StringIO()
        runner = doctest.DocTestRunner(optionflags=SHOWN)
        runner.run(test, out=said.write, clear_globs=False)
        self.names.update(test.globs)
        if runner.failures:
            pytest.fail(said.getvalue())

    def shell(self, part: Part) -> None:
        done = subprocess.run(
            ["bash", "-euc", part.text],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.env,
            check=False,
            timeout=300,
        )
        if done.returncode:
            pytest.fail(f"{part.place}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        self.said = done.stdout


def test_pages_are_found() -> None:
    if not (ROOT / "docs").exists():
        pytest.skip("docs/ lies in the source tree, which is not here")
    assert len(PAGES) > 10


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = Session(page, tmp_path)
    for part in steered(page)[0]:
        try:
            session.run(part)
        except Exception as error:
            error.add_note(f"in the block at {part.place}")
            raise


ONLY_SHOWN = [(part, reason) for page in PAGES for part, reason in steered(page)[1].items()]


@pytest.mark.parametrize(("part", "reason"), ONLY_SHOWN, ids=[part.place for part, _ in ONLY_SHOWN])
def test_only_shown(part: Part, reason: str) -> None:
    assert len(reason) > 10, f"{part.place}: a reason in words"
    pytest.skip(f"{part.place}: {reason}")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_blocks_have_a_language_that_is_known(page: Path) -> None:
    for part in parts(page):
        if part.kind not in ("setup", "not run", "needs", "not compared"):
            known = part.kind in LANGUAGES or part.kind.startswith("{")
            assert known, f"{part.place}: ```{part.kind}"

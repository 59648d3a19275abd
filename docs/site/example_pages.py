"""A page for each script of examples/: the script, and what it prints when it is run.

sphinx-gallery is made for scripts that draw. These print, several take options, and each is run as a
reader would run it: `python examples/NAME.py`, in a process of its own.
"""

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pages import forget, write
from sphinx.util import logging

log = logging.getLogger(__name__)
OPTIONS = {  # where the script alone would download MNIST
    "mnist_numpy.py": ["digits"],
    "mnist_cupy.py": ["digits"],
    "mnist_any_backend.py": ["--data", "digits", "--epochs", "3"],
}
MISSING = ("ModuleNotFoundError", "portable_mlp.backends.base.BackendUnavailableError")


def ran(script):
    """What a reader would type, and what comes out."""
    options = OPTIONS.get(script.name, [])
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, script, *options],
            capture_output=True,
            text=True,
            cwd=folder,
            # the package that this site is of; dpnp's runtime has been seen to hang beside others
            env={k: v for k, v in os.environ.items() if k != "OCL_ICD_FILENAMES"}
            | {"PYTHONPATH": str(script.parent.parent)},
        )
    command = " ".join(["$ python", f"examples/{script.name}", *options])
    if done.returncode == 0:
        return f"```text\n{command}\n\n{done.stdout}```\n"
    *_, last = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    if not last.startswith(MISSING):
        log.warning("examples/%s failed: %s", script.name, done.stderr)
    return f"Not run where this page was made: {last.partition(': ')[2]}\n"


def page(script):
    """The page, in Markdown."""
    text = script.read_text(encoding="utf-8")
    title = ast.get_docstring(ast.parse(text)).splitlines()[0]
    heading = f"# {script.name}\n\n{title}\n"
    return f"{heading}\n```python\n{text}```\n\n## What it prints\n\n{ran(script)}"


def write_pages(app):
    """Writes the pages where Sphinx will read them."""
    scripts = sorted((Path(app.srcdir).parent / "examples").glob("*.py"))
    folder = Path(app.srcdir) / "_made" / "examples"
    made = {f"{script.stem}.md": page(script) for script in scripts}
    listed = "\n".join(script.stem for script in scripts)
    made["index.md"] = (
        "# Examples\n\nPlain scripts in the folder `examples`, and what each prints.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    )
    forget(folder, made)
    for name, text in made.items():
        write(folder / name, text)


def setup(app):
    """Called by Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}

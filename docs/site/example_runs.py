"""How sphinx-gallery runs the scripts of examples/, and which pictures it finds there."""

import re
import warnings
from pathlib import Path
from weakref import WeakSet

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

OPTIONS = {  # where the script alone would download MNIST
    "mnist_numpy.py": ["digits"],
    "mnist_any_backend.py": ["--data", "digits", "--epochs", "3"],
}
_seen = WeakSet()


def arguments(gallery_conf, script_vars):
    """What a reader would type behind the script's name."""
    return OPTIONS.get(Path(script_vars["src_file"]).name, [])


def figures(block, block_vars, gallery_conf):
    """Figures that a script holds and pyplot does not know of, such as those of the doctor."""
    paths = []
    for value in block_vars["example_globals"].values():
        if not isinstance(value, Figure) or value in _seen:
            continue
        _seen.add(value)
        if value.canvas.manager is None:
            paths.append(next(block_vars["image_path_iterator"]))
            value.savefig(paths[-1], dpi=160)
    return figure_rst(paths, gallery_conf["src_dir"])


def without_place(message, category, *place):
    """A warning as the pages show it: the line of code it comes from is there anyway."""
    return f"{category.__name__}: {message}\n"


def to_pages(app, name, source):
    """Links to scripts, which is what the pages have on GitHub, lead to the pages of the scripts."""
    source[0] = re.sub(r"\]\(\.\./examples/([\w/]+)\.py\)", r"](_made/examples/\1.rst)", source[0])
    source[0] = source[0].replace("](../examples)", "](_made/examples/index.rst)")


def forget(app):
    """Removes the pages of scripts that are no longer there."""
    made, scripts = Path(app.srcdir) / "_made" / "examples", Path(app.srcdir).parent / "examples"
    kept = {made / path.relative_to(scripts).with_suffix(".rst") for path in scripts.rglob("*.py")}
    for page in [*made.rglob("*.md"), *made.rglob("*.rst")]:
        if page not in kept and page.name != "index.rst":
            page.unlink()


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", to_pages)
    warnings.formatwarning = without_place
    app.connect("builder-inited", forget, priority=400)  # before sphinx-gallery, at 500
    return {"parallel_read_safe": True}

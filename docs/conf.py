"""The documentation site: `sphinx-build -W -n docs build/site`, then open build/site/index.html."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "site"))

import portable_mlp

project = "portable_mlp"
author = "The portable_mlp developers"
version = release = portable_mlp.__version__
copyright = author

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "command_page",  # from docs/site, and so are those below
    "docstrings",
    "example_runs",
    "formulas",
    "reference_pages",
]
exclude_patterns = ["site"]

# the pages are written for GitHub too: its formulas, its anchors
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3

napoleon_numpy_docstring = False
default_role = "obj"  # `MLP.fit` in a docstring is a link
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # what overrides something is described there
# what these have is described once, at their own place
FAMILIES = """
    Layer Elementwise Loss Optimizer Schedule Initializer Callback PlainNumbers Backend
    RunningMetric WholeSetMetric MeanMetric Metric
    tuple dict Exception object Protocol
"""
autodoc_default_options = {"members": True, "inherited-members": ", ".join(FAMILIES.split())}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
# types in signatures: of numpy, of the standard library, and short names for what has no page;
# the errors of scikit-learn
nitpick_ignore_regex = [("py:class", ".*"), ("py:exc", "sklearn.*")]

# the scripts of examples/ are run, so that their pages have what they print and draw; those that have not
# changed since the last build are not: `rm -r docs/_made` has all of them run
os.environ.pop("OCL_ICD_FILENAMES", None)  # dpnp's runtime has been seen to hang beside others
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "_made/examples",
    "filename_pattern": ".",  # all of them are run
    "ignore_pattern": "mnist_cupy",  # mnist_numpy.py but for one word
    "within_subsection_order": "FileNameSortKey",
    "reset_argv": "example_runs.arguments",
    "image_scrapers": ("example_runs.figures", "matplotlib"),
    "image_srcset": ["2x"],
    "capture_repr": (),  # what a script prints, no more
    "notebook_extensions": set(),
    "download_all_examples": False,
    "write_computation_times": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {version}"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {
    "**": ["sidebar-nav-bs.html"],
    **dict.fromkeys(("start", "questions", "mathematics"), ()),  # they are no sections
}
html_theme_options = {
    "show_nav_level": 1,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

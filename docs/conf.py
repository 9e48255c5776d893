"""Sphinx configuration: ``make docs`` builds into docs/_build/html."""

import os
import re

import skopdist

project = "skopdist"
author = "the skopdist developers"
copyright = "2026, the skopdist developers"
version = release = skopdist.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"skopdist {version}"

# The reference follows each module's __all__ (_templates/module.rst): a new public class needs no edit here.
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the docstrings give types in words
numpydoc_show_class_members = False  # _templates/class.rst lists them


def escape_stars(app, what, name, obj, options, lines):
    """Let shapes such as (n, *input_shape) stand in docstrings: outside of code, a star would open emphasis."""
    for i, line in enumerate(lines):
        parts = line.split("``")
        parts[::2] = [re.sub(r"(?<=[(,] )\*(?=\w)|(?<=\()\*(?=\w)", r"\*", part) for part in parts[::2]]
        lines[i] = "``".join(parts)


def setup(app):
    app.connect("autodoc-process-docstring", escape_stars)


# What is inherited from scikit-learn refers to labels of its own documentation.
suppress_warnings = ["ref.ref"]

# Links into other projects' documentation need the network, which a hosted build has.
if os.environ.get("READTHEDOCS"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "skorch": ("https://skorch.readthedocs.io/en/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "show_memory": False,
    # Examples at a time; a build would take twice as long one by one.
    "parallel": 2,
}

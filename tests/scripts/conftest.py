"""The scripts of a checkout, by name."""

import importlib
from pathlib import Path

import pytest

import skopdist

SCRIPTS = Path(skopdist.__file__).parent.parent / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """Give a function that imports a script."""
    if not (SCRIPTS / "quote.py").exists():
        pytest.skip("the scripts come with a checkout only")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module

"""The scripts of a checkout, by name."""

import importlib
from pathlib import Path

import pytest

import skopdist

SCRIPTS = Path(skopdist.__file__).parent.parent / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """Return a function that imports a script."""
    if not (SCRIPTS / "quote.py").exists():
        pytest.skip("the scripts come with a checkout only")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


@pytest.fixture
def onnx_script(script):
    """Return a function that imports a script which converts models, where all is there that it needs."""
    for name in ("onnx", "onnxruntime", "onnxscript", "skl2onnx"):
        pytest.importorskip(name)
    return script

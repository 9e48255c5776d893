"""A wheel and an sdist are built, and the wheel works where nothing else of the checkout is."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import skopdist

ROOT = Path(skopdist.__file__).parent.parent
PARTS = ("skopdist", "tests", "docs", "examples", "benchmarks", "results")
BUILT = shutil.ignore_patterns("__pycache__", "_build", "auto_examples", "generated", "*.png")

pytestmark = pytest.mark.slow


def run(code, folder, **environment):
    """Run code of Python in a folder, and return what it prints."""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | environment
    done = subprocess.run([sys.executable, *code], cwd=folder, env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """Build both from a copy, for a build leaves folders behind."""
    if not (ROOT / "MANIFEST.in").exists():
        pytest.skip("not in a checkout")
    setuptools = pytest.importorskip("setuptools")
    if int(setuptools.__version__.split(".")[0]) < 77:
        pytest.skip("the build needs setuptools 77")
    copy = tmp_path_factory.mktemp("checkout")
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, copy)
    for part in PARTS:
        shutil.copytree(ROOT / part, copy / part, ignore=BUILT)
    # The build of a release says what will be refused one day; nothing of that may pass.
    for build in ("build_wheel", "build_sdist"):
        run(
            ["-W", "error::DeprecationWarning", "-c", f"from setuptools import build_meta as b; b.{build}('dist')"],
            copy,
        )
    return copy / "dist"


def test_the_wheel_works_alone(dist, tmp_path):
    (wheel,) = dist.glob("*.whl")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    run([*install, "--target", str(tmp_path / "site"), str(wheel)], tmp_path)
    code = (
        "import skopdist\n"
        "from skopdist.tables import load_digits_cells\n"
        "print(skopdist.__file__, len(load_digits_cells().scores))"
    )
    path, n_cells = run(["-c", code], tmp_path, PYTHONPATH=str(tmp_path / "site")).split()
    assert Path(path).is_relative_to(tmp_path)
    assert n_cells == "729"
    assert "scikit-learn" in run(["-m", "skopdist"], tmp_path, PYTHONPATH=str(tmp_path / "site"))


def test_the_wheel_holds_the_package_and_nothing_else(dist):
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = [name for name in file.namelist() if ".dist-info/" not in name]
        (metadata,) = [name for name in file.namelist() if name.endswith("/METADATA")]
        fields = HeaderParser().parsestr(file.read(metadata).decode())
    expected = {path.relative_to(ROOT).as_posix() for path in (ROOT / "skopdist").rglob("*") if path.is_file()}
    assert set(names) == {name for name in expected if "__pycache__" not in name}
    assert fields["Version"] == skopdist.__version__
    assert fields["License-Expression"] == "BSD-3-Clause"
    assert fields["Requires-Python"] == ">=3.11"
    assert {"plot", "onnx", "test"} <= set(fields.get_all("Provides-Extra"))
    # There is no place yet that one could point to.
    assert fields.get_all("Project-URL") is None
    assert fields["Home-page"] is None
    assert fields.get_payload().startswith("# skopdist")


def test_the_sdist_holds_what_tests_and_documentation_need(dist):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    kinds = {".py", ".md", ".rst", ".svg", ".csv", ".jsonl", ".gz", ".typed"}
    kept = dist.parent
    expected = {p.relative_to(kept).as_posix() for part in PARTS for p in (kept / part).rglob("*") if p.suffix in kinds}
    assert expected <= names
    assert {
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "constraints.txt",
        "pyproject.toml",
        "setup.cfg",
    } <= names

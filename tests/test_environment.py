import configparser
import io
import runpy
from pathlib import Path

import pytest
import torch

import skopdist
from skopdist import show_versions
from skopdist._environment import DEPENDENCIES, EXTRAS

SETUP = Path(skopdist.__file__).parent.parent / "setup.cfg"
# For developers, and not for a fit.
FOR_USERS = ("plot", "dask", "ray", "onnx", "optuna", "mlflow")


@pytest.fixture
def config():
    parser = configparser.ConfigParser()
    if not parser.read(SETUP):
        pytest.skip("not in a checkout")
    return parser


def names(lines):
    return {line.split(">=")[0] for line in lines.split() if ">=" in line}


def test_a_report_names_all_that_takes_part():
    stream = io.StringIO()
    show_versions(stream)
    lines = [line.split() for line in stream.getvalue().splitlines()]
    versions = {words[0]: words[1:] for words in lines if len(words) > 1}
    assert versions["skopdist"] == [skopdist.__version__]
    assert versions["torch"] == [torch.__version__]
    assert set(DEPENDENCIES) | set(EXTRAS) <= set(versions)
    assert [words for words in lines if words[0] == "CUDA"]


def test_what_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr("skopdist._environment.EXTRAS", ("no-such-package",))
    stream = io.StringIO()
    show_versions(stream)
    assert "no-such-package  not installed" in stream.getvalue()


def test_the_module_runs(capsys):
    runpy.run_module("skopdist", run_name="__main__")
    assert capsys.readouterr().out.startswith("System\n")


def test_importing_the_module_prints_nothing(capsys):
    runpy.run_module("skopdist.__main__", run_name="something_else")
    assert not capsys.readouterr().out


def test_every_requirement_is_listed(config):
    assert names(config["options"]["install_requires"]) <= set(DEPENDENCIES)
    extras = config["options.extras_require"]
    assert set().union(*(names(extras[extra]) for extra in FOR_USERS)) <= set(EXTRAS)

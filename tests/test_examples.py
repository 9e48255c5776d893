"""Every file of the gallery runs."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
# Those that train many networks.
SLOW = {
    "plot_digits",
    "plot_export",
    "plot_frontier",
    "plot_grid_search",
    "plot_images",
    "plot_parallel",
    "plot_series",
    "plot_time",
}
# What some need beside the extra "plot".
NEEDS = {"plot_export": ("onnxscript", "onnxruntime"), "plot_table": ("pandas",)}
OWN = ("operation", "space", "encoding", "strategy", "evaluator")


@pytest.fixture
def drawing(monkeypatch, tmp_path):
    """Nothing opens a window, and pictures go to a temporary folder."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    monkeypatch.chdir(tmp_path)
    with mpl.rc_context({"backend": "agg"}):
        yield plt
        plt.close("all")


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW)) for path in EXAMPLES],
)
# On a busy machine some seconds are not enough for what they are on others.
@pytest.mark.filterwarnings("ignore:max_time=.* was too short:UserWarning")
def test_runs(path, drawing, capsys):
    for name in NEEDS.get(path.stem, ()):
        pytest.importorskip(name)
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out, "it prints something"
    assert drawing.get_fignums(), "it draws something"


def test_there_is_an_example_for_each_part_of_one_s_own():
    texts = {path.stem: path.read_text(encoding="utf-8") for path in EXAMPLES}
    for part in OWN:
        assert f"check_{part}(" in texts[f"plot_own_{part}"], "each ends with the contract"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_is_short_and_a_plain_script(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert "__main__" not in text, "joblib's workers do not run a script again, so it needs no guard"

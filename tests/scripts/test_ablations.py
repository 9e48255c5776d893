import numpy as np
import pytest

from skopdist.encodings import HybridEncoding
from skopdist.tables import load_digits_cells
from skopdist.testing import check_encoding


@pytest.fixture
def ablations(script):
    return script("ablations")


def test_one_part_holds_the_features_of_all(ablations):
    table = load_digits_cells()
    units = ablations.hybrid_units(table)
    assert set(units) == set(ablations.PARTS)
    check_encoding(ablations.OnePart(units), table.search_space)
    one, parts = (encoding.bind(table.search_space) for encoding in (ablations.OnePart(units), HybridEncoding()))
    points = parts.points(1000)
    together = one.features(points)["all"]
    assert together.shape[1] == sum(part.shape[1] for part in parts.features(points).values())
    # Every part has the same mean squared distance.
    assert 2 * together.var(axis=0).sum() == pytest.approx(len(units), rel=0.05)


def test_every_ablation_runs_and_is_laid_out_and_none_is_computed_twice(ablations, tmp_path, monkeypatch):
    monkeypatch.setattr(ablations, "QUICK_SEEDS", 1)
    monkeypatch.setattr(ablations, "QUERIES", (2, 4))
    monkeypatch.setattr(ablations, "REPETITIONS", 1)
    figures = {name: ("regret_2", "regret_4") if "regret_25" in of else of for name, of in ablations.FIGURES.items()}
    monkeypatch.setattr(ablations, "FIGURES", figures)
    rows = ablations.Rows(tmp_path / "rows.jsonl", ("ablation", "table", "variant", "seed"))
    for _ in range(2):
        ablations.run(rows, None, ["digits"], list(ablations.ABLATIONS), quick=True)
        assert len(rows.rows) == sum(map(len, ablations.ABLATIONS.values()))
    for name, of in figures.items():
        assert all(np.isfinite([row[figure] for figure in of]).all() for row in rows.select(ablation=name))
        assert ablations.ablation_table(rows, name, ["digits"]).count("digits, ") == len(ablations.ABLATIONS[name])

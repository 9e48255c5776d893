import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from skopdist.spaces import DenseSpace
from skopdist.training import Training


@pytest.fixture
def batches(script):
    return script("batches")


def test_stems_are_laid_out_beside_each_other_when_both_batches_are_there(batches, tmp_path):
    rows = batches.common.Rows(tmp_path / "rows.jsonl", batches.KEYS)
    split = train_test_split(*make_classification(200, random_state=0), random_state=0)
    first, second, *_ = DenseSpace(stems=["linear_stem", "periodic_stem"]).reference_architectures()
    for architecture, recipes in ((first, batches.RECIPES), (second, ("default",))):
        for name in recipes:
            row = batches.measure(architecture, split, Training(max_epochs=3, **batches.RECIPES[name]), 0)
            assert 0.5 < row["accuracy"] <= 1
            assert np.isfinite(row["log_loss"])
            assert row["batch_size"] == {"128": 128, "default": 16}[name]
            rows.add(table="made", stem=batches.stem_of(architecture), batches=name, seed=0, **row)
    text = batches.batch_table(rows)
    assert "made, 150 rows, `linear_stem`" in text
    assert batches.stem_of(second) not in text

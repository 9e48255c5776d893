import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from skopdist.training import Training


@pytest.fixture
def averaging(script):
    return script("averaging")


def test_averages_are_better_than_single_networks(averaging, tmp_path):
    split = train_test_split(*make_classification(300, 8, n_informative=6, random_state=0), random_state=0)
    row = averaging.measure(split, Training(max_epochs=3), 0)
    assert {key.rpartition("_accuracy")[0] for key in row if key.endswith("accuracy")} == set(averaging.HEADS)
    # The loss is convex: an average loses less than its members do on average.
    for name in ("same", "mixed", "all"):
        assert row[f"{name}_log_loss"] < row["one_log_loss"]
    rows = averaging.common.Rows(tmp_path / "rows.jsonl", averaging.KEYS)
    for seed in (0, 1):
        rows.add(table="made", seed=seed, **row)
    text = averaging.averaging_table(rows)
    assert f"{row['mixed_log_loss']:.4f}" in text
    assert np.isclose(row["one_accuracy"], float(text.splitlines()[2].split("|")[2]), atol=1e-4)

import pickle

import pytest


@pytest.fixture
def memory(script):
    return script("memory")


@pytest.fixture
def rows(memory, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "rows.jsonl", memory.KEYS)
    rows.add(kind="fit", case="few", data_bytes=2**20, peak_bytes=2**19, first_fit_bytes=2**21)
    rows.add(kind="pickle", case="RandomSearch", weight_bytes=2048, pickle_bytes=3072, n_trials=4)
    rows.add(kind="predict", case="images", data_bytes=1000, peak_bytes=250, kept_bytes=0)
    rows.add(kind="one row", case="10 features", milliseconds=0.512, ratio=2.0)
    return rows


def test_sizes_are_laid_out_as_multiples(memory, rows):
    assert memory.fit_table(rows).splitlines()[-1].split() == ["|", "few", "|", "1", "|", "0.50", "|"]
    assert memory.first_fit_text(rows) == "2"
    line = memory.pickle_table(rows).splitlines()[-1]
    assert line.split() == ["|", "`RandomSearch`", "|", "2", "|", "1.50", "|", "256", "|"]
    assert (memory.predict_text(rows, "peak"), memory.predict_text(rows, "kept")) == (".250", ".000")
    assert (memory.one_row_text(rows, "milliseconds"), memory.one_row_text(rows, "ratio")) == ("0.5", "2.0")


@pytest.mark.slow
def test_pickles_are_about_as_large_as_the_weights(memory, monkeypatch):
    monkeypatch.setattr(memory, "N_TRIALS", 3)
    found = memory.storing("RandomSearch")
    # Three trials, and what is always there.
    assert 0 < found["pickle_bytes"] - found["weight_bytes"] < 40_000
    assert pickle.dumps(found)

import argparse
from itertools import product

import numpy as np
import pytest


@pytest.fixture
def any_length(script):
    return script("any_length")


def test_cells_of_all_sources_and_lengths_are_trained_once(any_length, tmp_path, monkeypatch):
    trained = []

    def make_trainer(space, X, y, channels, epochs):
        def train(architecture, seed):
            trained.append((architecture, seed))
            return {"test": architecture.operations.count("nor_conv_3x3") / architecture.length, "n_parameters": 1}

        return train

    monkeypatch.setattr(any_length, "make_trainer", make_trainer)
    rows = any_length.Rows(tmp_path / "rows.jsonl", ("images", "source", "length", "seed"))
    for _ in range(2):
        any_length.run(rows, argparse.Namespace(images=["digits"]), range(2), (3, 10))
        assert len(trained) == len(rows.rows) == 2 * 2 * 3
    assert {architecture.length for architecture, _ in trained} == {3, 10}
    of = any_length.accuracies(rows, "digits", 10)
    # What is found on the table holds more convolutions than a third.
    assert (of["found"] > of["uniform"]).all()
    assert of["convolutions"].tolist() == [100.0, 100.0]
    assert "| digits, 10 " in any_length.gain_table(rows, ["digits"])


def test_seeds_that_only_some_sources_have_do_not_count(any_length, tmp_path):
    rows = any_length.Rows(tmp_path / "rows.jsonl", ("images", "source", "length", "seed"))
    for source, seeds in (("found", 3), ("uniform", 2), ("convolutions", 3)):
        for seed in range(seeds):
            rows.add(
                images="digits",
                source=source,
                length=6,
                seed=seed,
                test=0.5 + 0.1 * (source == "found"),
                n_parameters=1,
            )
    of = any_length.accuracies(rows, "digits", 6)
    np.testing.assert_allclose([of[source] for source in any_length.SOURCES], [[60, 60], [50, 50], [50, 50]])
    assert "10.0 ± 0.0" in any_length.gain_table(rows, ["digits"])


def test_what_was_found_is_the_mean_of_the_seeds(any_length, tmp_path):
    rows = any_length.Rows(tmp_path / "rows.jsonl", ("images", "source", "length", "seed"))
    for length, seed in product((3, 6), (0, 1)):
        for source in ("found", "uniform"):
            p = [0.5 * seed, 1 - 0.5 * seed, 0] if source == "found" else [1 / 3] * 3
            rows.add(images="digits", source=source, length=length, seed=seed, distribution=p)
    assert any_length.found_text(rows) == "skip_connect .25, nor_conv_3x3 .75"

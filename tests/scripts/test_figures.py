"""Figures are drawn from what is stored, and left out where nothing is."""

import csv
from itertools import product

import pytest

pytest.importorskip("matplotlib")


@pytest.fixture
def figures(script):
    return script("figures")


def test_without_rows_nothing_is_drawn(figures, tmp_path, capsys):
    for draw in (
        figures.claims_figures, figures.search_figures, figures.cost_figures, figures.length_figures,
        figures.frontier_figures, figures.chosen_figures,
    ):  # fmt: skip
        draw(tmp_path, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert "No rows of search_efficiency.py" in capsys.readouterr().err


def test_regret_is_drawn_with_its_data_beside(figures, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "search_efficiency.jsonl", ())
    for strategy, encoding in (("bayesian", "hybrid"), ("tpe", "adjacency")):
        rows.add(table="digits", strategy=strategy, encoding=encoding, seeds=[0, 1], curves=[[[1, 4.0], [9, 0.0]]] * 2)
    figures.search_figures(tmp_path, tmp_path)
    text = (tmp_path / "regret_peers.svg").read_text(encoding="utf-8")
    for label in ("regret in points of validation accuracy", "architectures evaluated", "Optuna TPE"):
        assert label in text
    # A search without rows has no place in the legend.
    assert "SMAC" not in text
    assert "hybrid: distribution, slots and paths" in (tmp_path / "regret_encodings.svg").read_text(encoding="utf-8")
    with (tmp_path / "regret.csv").open(newline="") as file:
        data = [row for row in csv.DictReader(file) if row["strategy"] == "tpe"]
    assert [float(row["regret_mean"]) for row in data if int(row["query"]) in (1, 150)] == [4.0, 0.0]
    assert {row["n_seeds"] for row in data} == {"2"}


def test_the_cost_is_drawn(figures, script, tmp_path):
    equal = script("equal_cost")
    rows = script("_common").Rows(tmp_path / "equal_cost.jsonl", ())
    regrets = [[1.0] * len(equal.budgets_of("local", 12))] * 2
    rows.add(table="nb201-cifar10", strategy="local", encoding="adjacency", guide=12, seeds=[0, 1], regrets=regrets)
    figures.cost_figures(tmp_path, tmp_path)
    text = (tmp_path / "regret_equal_cost.svg").read_text(encoding="utf-8")
    assert "cost of the search, in trainings of 200 epochs" in text


def test_accuracy_over_length_is_drawn(figures, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "any_length.jsonl", ())
    for source, seed in product(("found", "uniform", "convolutions"), (0, 1)):
        rows.add(images="fashion", source=source, length=10, seed=seed, test=0.5 + 0.1 * seed)
    figures.length_figures(tmp_path, tmp_path)
    text = (tmp_path / "any_length.svg").read_text(encoding="utf-8")
    for label in ("test accuracy in percent", "length of the cell, in operations", "the found distribution"):
        assert label in text
    with (tmp_path / "any_length.csv").open(newline="") as file:
        (found, *_) = csv.DictReader(file)
    assert found["accuracy_mean"] == "55.0"
    assert (found["accuracy_low"], found["accuracy_high"]) == ("50.0", "60.0")


def test_the_frontier_is_drawn(figures, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "frontier.jsonl", ())
    sizes = {"bytes": 2048, "ms onnx 1": 0.5}
    for seed, accuracy in enumerate((0.9, 0.8)):
        rows.add(dataset="digits", model="skopdist", budget="1 MFLOP", seed=seed, accuracy=accuracy, **sizes)
    rows.add(dataset="digits", model="random forest", budget="", seed=0, accuracy=0.7, **sizes)
    # No model is as small.
    rows.add(dataset="digits", model="gradient boosting, as small", budget="1 MFLOP", seed=0)
    figures.frontier_figures(tmp_path, tmp_path)
    text = (tmp_path / "frontier.svg").read_text(encoding="utf-8")
    for label in ("KiB of the file of ONNX", "one network within each limit", "random forest", "digits"):
        assert label in text
    with (tmp_path / "frontier.csv").open(newline="") as file:
        data = list(csv.DictReader(file))
    assert [(row["model"], row["n_seeds"], float(row["kib"])) for row in data] == [
        ("skopdist", "2", 2.0),
        ("random forest", "1", 2.0),
    ]
    assert float(data[0]["accuracy"]) == pytest.approx(0.85)


def test_what_was_chosen_is_drawn(figures, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "practice.jsonl", ())
    key = {"suite": "series", "method": "skopdist", "budget": 30, "seed": 0}
    rows.add(**key, dataset="Adiac", stems={"minirocket_stem": 0.75, "plain_stem": 0.25}, operations={"conv_5": 1.0})
    rows.add(**key | {"seed": 1}, dataset="Adiac", stems={"another_stem": 1.0}, operations={"conv_5": 1.0})
    rows.add(**key | {"suite": "tables"}, dataset="before stems were noted")
    figures.chosen_figures(tmp_path, tmp_path)
    text = (tmp_path / "chosen_series_30.svg").read_text(encoding="utf-8")
    for label in ("Adiac", "minirocket_stem", "plain_stem", "conv_5", "operations of their cells"):
        assert label in text
    assert "another_stem" not in text
    assert not (tmp_path / "chosen_tables_30.svg").exists()
    with (tmp_path / "chosen.csv").open(newline="") as file:
        shares = {row["name"]: float(row["share"]) for row in csv.DictReader(file)}
    assert shares == {"minirocket_stem": 0.75, "plain_stem": 0.25, "conv_5": 1.0}

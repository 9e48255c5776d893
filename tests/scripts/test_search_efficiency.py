"""Rows and tables of search efficiency, on a few searches of small tables."""

import numpy as np
import pytest

from skopdist.tables import load_digits_cells

RANDOM = ("random", "adjacency")


@pytest.fixture
def efficiency(script, monkeypatch):
    module = script("search_efficiency")
    monkeypatch.setattr(module, "QUERIES", 12)
    return module


@pytest.fixture
def rows(script, tmp_path):
    return script("_common").Rows(tmp_path / "rows.jsonl", ())


def test_a_run_resumes_with_the_seeds_that_are_missing(efficiency, rows):
    efficiency.run(rows, None, ["digits"], [RANDOM], seeds=2)
    efficiency.run(rows, None, ["digits"], [RANDOM], seeds=13)
    assert [row["seeds"] for row in rows.rows if "seeds" in row] == [[0, 1], list(range(2, 12)), [12]]
    stored = efficiency.curves_of(rows, "digits", RANDOM)
    assert list(stored) == list(range(13))
    table = load_digits_cells()
    scores = efficiency.search(RANDOM, table, seed=12)
    assert len(scores) == 12 or max(scores) == table.optimum
    assert stored[12][-1][1] == pytest.approx(table.optimum - max(scores), abs=1e-4)


def test_a_search_ends_at_the_optimum(efficiency, monkeypatch):
    monkeypatch.setattr(efficiency, "QUERIES", 150)
    table = load_digits_cells()
    scores = efficiency.search(("local", "distribution"), table, seed=0)
    # Of 28 distributions none is asked twice.
    assert len(scores) <= 28
    assert table.optimum not in scores[:-1]


def test_a_peer_whose_library_is_not_there_is_left_out(efficiency, rows, script, monkeypatch, capsys):
    monkeypatch.setitem(script("peers").PEERS, ("tpe", "adjacency"), ("no_such_library", None))
    efficiency.run(rows, None, ["digits"], [("tpe", "adjacency")], seeds=1)
    assert rows.select(strategy="tpe") == []
    assert "Optuna TPE, cell is left out: its library is not installed." in capsys.readouterr().err


def test_a_peer_is_told_what_it_asked_for(script):
    peers, table = script("peers"), load_digits_cells()
    told = []

    def walk(space, seed, queries):
        for cell in list(table.scores)[:queries]:
            told.append((cell, (yield cell)))

    assert len(peers.search_with_peer(walk, table, 0, 5)) == 5
    assert told == [(cell, table.scores[cell]) for cell in list(table.scores)[:4]]


def store(rows, table, method, curves):
    rows.add(table=table, strategy=method[0], encoding=method[1], seeds=list(range(len(curves))), curves=curves)


def test_tables_say_what_was_found(efficiency, rows, monkeypatch):
    monkeypatch.setattr(efficiency, "QUERIES", 150)
    store(rows, "digits", ("local", "adjacency"), [[[1, 4.0], [60, 0.0]]] * 10)
    store(rows, "digits", ("local", "distribution"), [[[1, 4.0], [20, 0.3]]] * 10)
    lines = efficiency.regret_table(rows, "digits").splitlines()
    assert lines[2].split("|")[1].strip() == "local, distribution"
    assert "0.300 (0.300 to 0.300)" in lines[2]
    assert lines[2].endswith("   0% |")
    assert lines[3].endswith(" 100% |")
    assert "| 60 (60 to 60) |" not in efficiency.median_table(rows, ["digits"], 0.0)
    assert [line.split("|")[2].strip() for line in efficiency.median_table(rows, ["digits"], 0.0).splitlines()[2:]] == [
        ">150",
        "60",
    ]
    assert efficiency.speed_up_table(rows, ["digits", "macro-cifar10"], 0.5).splitlines()[2].split("|")[1:3] == [
        " local             ",
        " 3.0 (3.0 to 3.0) ",
    ]
    assert "<0.4 (0.0 to 0.4)" in efficiency.speed_up_table(rows, ["digits"], 0.0)


def test_what_is_near_the_optimum_is_counted(efficiency, rows):
    near = efficiency.near_optimum(load_digits_cells())
    # 28 distributions of 3 operations at length 6; that of five convolutions and a skip connection has six cells.
    assert near["any"] == [729, 28, 6]
    assert near["0"] == [1, 1, 1]
    assert near["0.1"][0] <= near["0.5"][0] <= near["1"][0] < 729
    rows.add(table="digits", kind="near the optimum", **near)
    lines = efficiency.near_table(rows, ["digits", "macro-cifar10"]).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["all", "729 / 28 / 6"]
    assert len(lines) == 2 + 1 + len(efficiency.MARGINS)


def test_a_missed_target_is_named(efficiency, rows):
    assert efficiency.missed(rows) == []
    store(rows, "nb201-cifar10", efficiency.DEFAULT, [[[1, 4.0], [30, 0.0]]] * 10)
    assert efficiency.missed(rows) == []
    store(rows, "nb201-cifar100", efficiency.DEFAULT, [[[1, 4.0], [33, 0.0]]] * 10)
    assert efficiency.missed(rows) == ["nb201-cifar100"]


def test_the_default_strategy_meets_its_targets(efficiency, script):
    stored = script("quote").results("search_efficiency")
    for name in efficiency.TARGETS:
        assert len(efficiency.curves_of(stored, name, efficiency.DEFAULT)) == efficiency.SEEDS
    assert efficiency.missed(stored) == []


def test_ratios_are_written_with_what_bounds_them(efficiency):
    assert efficiency.ratio_text((0.0, np.inf), (0.0, np.inf)) == "-"
    assert efficiency.ratio_text((2.5, np.inf), (1.5, np.inf)) == ">2.5 (1.5 to ∞)"

import csv
import itertools
import os

import pytest

from skopdist.search import run_search
from skopdist.spaces import MacroSpace
from skopdist.strategies import BayesianOptimization
from skopdist.tables import load_nasbench_macro

SPACE = MacroSpace()
CHAINS = ["".join(digits) for digits in itertools.product("012", repeat=8)]


def accuracy(chain, seed):
    return sum((i + 1) * int(digit) for i, digit in enumerate(chain)) + seed


def lines():
    return [[c, *(accuracy(c, seed) for seed in range(3)), accuracy(c, 1), 1000 + int(c, 3)] for c in CHAINS]


def write(path, body):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["arch", "acc0", "acc1", "acc2", "mean_acc", "params"], *body])
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write(tmp_path_factory.mktemp("nas") / "nas_bench_macro_c10.csv", lines())


def architecture(chain):
    names = tuple(SPACE.operation_names[int(digit)] for digit in chain)
    return SPACE.make_architecture([SPACE.make_cell(names, SPACE.potential_edges(8))])


@pytest.mark.parametrize(("seed", "offset"), [(None, 1), (0, 0), (2, 2)])
def test_loads_what_is_asked_for(table, seed, offset):
    evaluator = load_nasbench_macro(table, seed=seed)
    for chain in ("00000000", "01201201", "22222222"):
        trial = evaluator.evaluate(architecture(chain))
        assert (trial.score, trial.cost) == (accuracy(chain, offset), 50)
        assert trial.info == {"test_score": accuracy(chain, 1), "n_parameters": 1000 + int(chain, 3)}
    assert evaluator.optimum == accuracy("22222222", offset)
    assert evaluator.test_optimum == accuracy("22222222", 1)


def test_a_search_finds_the_optimum(table):
    evaluator = load_nasbench_macro(table)
    result = run_search(BayesianOptimization(), evaluator, n_trials=40, random_state=0)
    assert result.best_score == evaluator.optimum


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["0120120", 1, 1, 1, 1, 1], "line 9: .* has 7 operations, not 8"),
        (["01230123", 1, 1, 1, 1, 1], "line 9: Layer 4 of '01230123': expected 0, 1 or 2"),
        (["00000000", 1, 1, 1, 1, 1], "line 9: repeats the architecture identity|.* of .*line 2"),
        (["00000021", 1, 1, 1, "nan", 1], "line 9: mean_acc is missing or NaN"),
    ],
)
def test_refuses_bad_rows_with_the_reason(tmp_path, row, reason):
    body = lines()
    body[7] = row
    with pytest.raises(ValueError, match=reason):
        load_nasbench_macro(write(tmp_path / "bad.csv", body))


def test_refuses_an_unknown_seed_and_a_partial_table(tmp_path, table):
    with pytest.raises(ValueError, match="seed must be None or one of"):
        load_nasbench_macro(table, seed=3)
    path = write(tmp_path / "part.csv", lines()[1:])
    with pytest.raises(ValueError, match="1 architectures have no row, the first of them identity"):
        load_nasbench_macro(path)
    assert load_nasbench_macro(path, on_missing="nan").evaluate(architecture("00000000")).status == "failed"


@pytest.mark.data
@pytest.mark.skipif("SKOPDIST_DATA" not in os.environ, reason="SKOPDIST_DATA is not set")
def test_the_real_table_has_the_known_optimum():
    assert round(load_nasbench_macro().optimum, 2) == 93.13

import pytest

KEYS = ("suite", "target", "strategy", "prior", "seed")


@pytest.fixture
def transfer(script):
    return script("transfer")


def test_a_search_that_does_not_get_there_counts_as_one_more(transfer):
    assert transfer.trials_of({"n_trials": 12, "reached": True}, "tables", 0.0) == 12
    assert transfer.trials_of({"n_trials": 300, "reached": False}, "tables", 0.0) == 301
    row = {"n_trials": 4, "scores": [0.1, 0.3, 0.2, 0.4]}
    assert [transfer.trials_of(row, "images", enough) for enough in (0.1, 0.25, 0.4, 0.5)] == [1, 2, 4, 5]


def test_pairs_of_one_seed_are_compared(transfer, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "rows.jsonl", KEYS)
    for seed, prior, n_trials in ((0, False, 20), (0, True, 10), (1, False, 8), (1, True, 9), (2, False, 300)):
        rows.add(
            suite="tables", target="cifar100", strategy="RandomSearch", prior=prior, seed=seed,
            n_trials=n_trials, reached=True, best=70.0,
        )  # fmt: skip
    *_, line = transfer.transfer_table(rows, "tables").splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:6] == ["cifar100, RandomSearch", "14", "10", "14.0", "9.5", "1 : 1"]
    assert cells[-1] == "2"

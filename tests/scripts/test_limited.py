import pytest


@pytest.fixture
def limited(script):
    return script("limited")


def test_regret_and_hits_are_laid_out_by_task_and_share(limited, script, tmp_path):
    rows = script("_common").Rows(tmp_path / "rows.jsonl", limited.KEYS)
    for seed, regret in enumerate((0.0, 0.5)):
        rows.add(task="cifar10", share=0.5, method="random cells", seed=seed, regret={str(limited.QUERIES): regret})
    header, _, *lines = limited.limited_table(rows).splitlines()
    assert "cifar10, 50%" in header
    assert "ImageNet16-120" not in header
    (found,) = [line for line in lines if line.startswith("| random cells ")]
    assert "0.25, 50%" in found
    # Methods that have not been run are told from those that have.
    assert sum(line.rstrip(" |").endswith("-") for line in lines) == len(limited.METHODS) - 1


def test_nothing_beyond_the_limit_is_drawn(limited):
    scores = {(str(i),): float(i) for i in range(100)}
    flops = {(str(i),): float(i) for i in range(100)}
    found, rejected = limited.random_cells(scores, flops, 60.0, seed=0)
    assert len(found) == len(set(found)) == limited.QUERIES
    assert max(found) <= 60
    assert rejected == 0

import pytest

from skopdist import Architecture, Cell, OpDistNASClassifier, OperationDistribution
from skopdist.display import describe, leaderboard, progress_line
from skopdist.trial import Trial


def test_progress_line_names_the_failure(result):
    failed = next(trial for trial in result.trials if not trial.succeeded)
    line = progress_line(failed, 20, 0.5)
    assert line == f"[{failed.index + 1:2d}/20] failed: RuntimeError: on purpose"


def test_progress_line_marks_a_new_best(result):
    trial = result.best_trial
    assert "*" in progress_line(trial, 20, trial.score - 0.1)
    assert "*" not in progress_line(trial, 20, trial.score)


def test_describe_starts_with_the_most_frequent():
    assert describe(OperationDistribution(["a", "b", "c"], [0.25, 0.75, 0])) == "b 0.75, a 0.25"
    two = OperationDistribution(["a", "b"], [[1, 0], [0.5, 0.5]], ["normal", "reduce"])
    assert describe(two) == "a 1.00; a 0.50, b 0.50"


def test_leaderboard_ranks_trials_and_references_together(result):
    table = leaderboard(result.trials, n=3, references={"majority class": -1.0, "oracle": 2.0})
    rows = table.splitlines()
    assert len(rows) == 1 + 3 + 2
    assert "oracle" in rows[1]
    assert f" trials_[{result.best_trial.index}] " in rows[2]
    assert "majority class" in rows[-1]
    scores = [float(row.split()[0]) for row in rows[1:]]
    assert scores == sorted(scores, reverse=True)


def scored(score, error=float("nan"), index=0, **changes):
    distribution = OperationDistribution(["linear_relu", "skip_connect"], [1, 0])
    architecture = Architecture([Cell(["linear_relu"], [(0, 1)])])
    return Trial(architecture, distribution, score, score_error=error, index=index, **changes)


def test_scores_that_are_not_told_apart_are_marked():
    lines = leaderboard([scored(0.9, 0.02), scored(0.89, 0.02, 1), scored(0.8, 0.02, 2)]).splitlines()
    assert lines[0].split() == ["score", "error", "model", "distribution"]
    assert [line.split()[:2] for line in lines[1:]] == [
        ["0.9000", "0.0200"],
        ["0.8900", "0.0200~"],
        ["0.8000", "0.0200"],
    ]


def test_finals_alone_are_compared():
    table = leaderboard([scored(0.95, fidelity=0.25), scored(0.9, index=1, final=True)])
    assert "0.9000" in table
    assert "0.9500" not in table
    assert "error" not in table


def test_finals_of_one_architecture_share_a_line():
    folds = [scored(score, 0.04, index=i, final=True) for i, score in enumerate([0.9, 1.0, 0.8, 0.9], start=3)]
    longer = scored(0.95, 0.04, index=7, final=True, fidelity=3.0)
    lines = leaderboard([scored(0.99, index=0), *folds, longer]).splitlines()[1:]
    assert [line.split()[:3] for line in lines] == [
        ["0.9500", "0.0400", "trials_[7]"],
        ["0.9000", "0.0200", "trials_[3:7]"],
    ]
    assert "trials_[3] and 1 more" in leaderboard([folds[0], folds[2]])


def test_leaderboard_takes_what_has_trials(result):
    class Fitted:
        trials_ = result.trials

    assert leaderboard(Fitted()) == leaderboard(result) == leaderboard(result.trials)


@pytest.mark.parametrize("other", [{"trial": [0]}, "clf", 3, [1, 2], OpDistNASClassifier()])
def test_leaderboard_says_what_it_takes(other):
    with pytest.raises(TypeError, match=r"Expected a fitted OpDistNASClassifier, .* got an object of the type"):
        leaderboard(other)


def test_leaderboard_of_failures():
    assert leaderboard([scored(float("-inf"), status="failed", message="no")]) == "No trial has succeeded."


def test_progress_calls_no_score_better_within_its_error():
    assert "score 0.9000 *" in progress_line(scored(0.9, 0.01), 5, best=0.85)
    assert "score 0.9000 ~" in progress_line(scored(0.9, 0.1), 5, best=0.85)
    assert "score 0.9000  " in progress_line(scored(0.9, 0.01), 5, best=0.95)
    assert progress_line(scored(0.9), None, best=0.95).startswith("[1] ")

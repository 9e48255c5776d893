import json
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from counting import n_calls
from plugins import InPairs, Misbehaving, Neighbours
from sklearn.base import clone

from skopdist import Prior, Scalar
from skopdist.distribution import OperationDistribution
from skopdist.encodings import AdjacencyEncoding, DistributionEncoding, HybridEncoding
from skopdist.evaluators import Outcome, TabularEvaluator, TrainingEvaluator
from skopdist.journal import read_journal
from skopdist.operations import register_operation
from skopdist.operations._registry import _REGISTRY
from skopdist.search import SearchFailedError, SearchResult, run_search, space_identity
from skopdist.spaces import DenseSpace, NASBench201Space
from skopdist.strategies import BayesianOptimization, LocalSearch, RandomSearch, RegularizedEvolution
from skopdist.testing._synthetic import Synthetic
from skopdist.training import Training

STRATEGIES = [RandomSearch(), LocalSearch(), BayesianOptimization(), RegularizedEvolution()]
BATCHED = [LocalSearch(), BayesianOptimization(), RegularizedEvolution(), RandomSearch(sequential=True)]
ENCODINGS = [DistributionEncoding(), AdjacencyEncoding()]
TABLE = TabularEvaluator(NASBench201Space(), lambda operations: operations.count("nor_conv_3x3") / 6)


def assert_equal_tables(first, second):
    assert list(first) == list(second)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def seeds_of(n_trials, **settings):
    """The seeds of the trials of a search."""
    return [t.seed for t in run_search(RandomSearch(), Misbehaving(), n_trials=n_trials, **settings).trials]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_every_strategy_runs_on_every_encoding(strategy, encoding, untouched_generators):
    result = run_search(strategy, TABLE, encoding=encoding, n_trials=40, random_state=0)
    assert len(result.trials) == 40
    assert [trial.index for trial in result.trials] == list(range(40))
    assert result.best_score == max(trial.score for trial in result.trials) >= 3 / 6
    assert TABLE.evaluate(result.best_architecture).score == result.best_score
    assert result.best_distribution["nor_conv_3x3"] > 0.4
    assert result.stop_reason == "n_trials"
    assert not hasattr(strategy, "trials_"), "the strategy that was given stays as it was"


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_the_seed_decides_and_the_number_of_workers_does_not(strategy):
    def search(random_state=0, **settings):
        return run_search(strategy, Misbehaving(), n_trials=12, random_state=random_state, **settings)

    first = search()
    assert_equal_tables(search().table(), first.table())
    assert search(n_jobs=2).table()["architecture"].tolist() == first.table()["architecture"].tolist()
    assert_equal_tables(search(n_jobs=2).table(), first.table())
    with joblib.parallel_config(backend="threading"):
        assert_equal_tables(search(n_jobs=3).table(), first.table())
    assert search(random_state=1).table()["architecture"].tolist() != first.table()["architecture"].tolist()
    assert (
        search(random_state=np.random.RandomState(3)).best_score
        == search(random_state=np.random.RandomState(3)).best_score
    )


def test_a_longer_search_begins_like_a_shorter_one():
    short, long = (run_search(RandomSearch(), TABLE, n_trials=n, random_state=0).table() for n in (5, 9))
    for name in ("architecture", "seed", "score"):
        assert long[name][:5].tolist() == short[name].tolist()


def test_table_has_equal_columns_and_ranks():
    evaluator = Misbehaving("raise", seeds_of(10, random_state=0)[2:4])
    table = run_search(RandomSearch(), evaluator, n_trials=10, random_state=0).table()
    assert {len(column) for column in table.values()} == {10}
    assert table["status"].tolist().count("failed") == 2
    assert sorted(table["rank"])[0] == 1
    assert set(table["rank"][table["status"] == "failed"]) == {9}
    assert np.argmax(table["score"][table["status"] == "ok"]) == np.argmin(table["rank"][table["status"] == "ok"])
    probabilities = np.stack([table[name] for name in table if name.startswith("p_")], axis=1)
    space = DenseSpace()
    assert probabilities.shape == (10, space.allowed.sum())
    np.testing.assert_allclose(probabilities.sum(axis=1), len(space.cell_types))


@pytest.mark.parametrize("trial_batch", [1, 3, 100])
@pytest.mark.parametrize("strategy", BATCHED, ids=str)
def test_batches_of_any_size(strategy, trial_batch):
    strategy = clone(strategy).set_params(trial_batch=trial_batch)
    result = run_search(strategy, TABLE, n_trials=10, random_state=0)
    assert len(result.trials) == 10
    assert strategy.points_at_once == trial_batch


def test_random_points_are_drawn_as_they_are_needed(monkeypatch):
    n_drawn = []
    decode = DistributionEncoding._decode
    monkeypatch.setattr(DistributionEncoding, "_decode", lambda *args: n_drawn.append(1) or decode(*args))
    result = run_search(RandomSearch(), TABLE, n_trials=10**6, random_state=0, callback=lambda trial: trial.index == 99)
    assert len(result.trials) == 100
    assert len(n_drawn) < 200


@pytest.mark.parametrize("length", [1, 2, 9, 40])
@pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
def test_cells_of_any_length(encoding, length):
    for strategy in STRATEGIES:
        result = run_search(strategy, TABLE, encoding=encoding, n_trials=3, length=length, random_state=0)
        assert {trial.architecture.length for trial in result.trials} == {length}


def test_callback_sees_every_trial_and_may_end_the_search():
    seen = []
    run_search(RandomSearch(), TABLE, n_trials=6, random_state=0, callback=seen.append)
    assert [trial.index for trial in seen] == list(range(6))
    result = run_search(RandomSearch(), TABLE, n_trials=6, random_state=0, callback=lambda trial: trial.index == 2)
    assert len(result.trials) == 3
    assert result.stop_reason == "callback"


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_max_time_ends_the_search(n_jobs):
    result = run_search(
        RandomSearch(), Misbehaving(pause=0.05), n_trials=2000, max_time=1, random_state=0, n_jobs=n_jobs
    )
    assert result.stop_reason == "max_time"
    assert 1 <= len(result.trials) < 100


# Failures


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("raise", "RuntimeError: raised on purpose"),
        ("memory", "MemoryError: a fake shortage"),
        ("nan", "The score is nan; a finite number was expected."),
    ],
)
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_a_failed_trial_is_recorded_and_the_search_goes_on(strategy, deed, message, n_jobs):
    seeds = seeds_of(8, random_state=0)[1::3]
    result = run_search(strategy, Misbehaving(deed, seeds), n_trials=8, random_state=0, n_jobs=n_jobs)
    assert len(result.trials) == 8
    failed = [trial for trial in result.trials if trial.status == "failed"]
    assert [trial.index for trial in failed] == [1, 4, 7]
    assert {trial.message for trial in failed} == {message}
    assert all(np.isnan(trial.score) for trial in failed)
    assert result.best_trial.succeeded


class Picky(Misbehaving):
    """Refuses what its space allows, before the evaluation proper begins."""

    def evaluate(self, architecture, **settings):
        if architecture.operations[0] == "linear_relu":
            raise LookupError("refused on purpose")
        return super().evaluate(architecture, **settings)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_evaluator_whose_checks_raise_makes_failed_trials(n_jobs):
    with joblib.parallel_config(backend="threading"):
        result = run_search(RandomSearch(), Picky(), n_trials=20, random_state=0, n_jobs=n_jobs)
    expected = ["failed" if t.architecture.operations[0] == "linear_relu" else "ok" for t in result.trials]
    assert result.table()["status"].tolist() == expected
    assert set(expected) == {"failed", "ok"}
    assert {t.message for t in result.trials if not t.succeeded} == {"LookupError: refused on purpose"}


def test_a_worker_that_dies_fails_alone():
    victim = seeds_of(6, random_state=0)[2]
    result = run_search(RandomSearch(), Misbehaving("kill", [victim]), n_trials=6, random_state=0, n_jobs=2)
    healthy = run_search(RandomSearch(), Misbehaving(), n_trials=6, random_state=0)
    assert [trial.status for trial in result.trials] == ["ok", "ok", "failed", "ok", "ok", "ok"]
    assert "worker process died" in result.trials[2].message
    for trial, expected in zip(result.trials, healthy.trials, strict=True):
        assert trial.architecture == expected.architecture
        assert trial.score == expected.score or trial.index == 2


@pytest.mark.parametrize("deed", ["raise", "nan"])
def test_all_failing_says_why(deed):
    with pytest.raises(
        SearchFailedError, match=r"All 5 trials failed.*The reasons: .*(on purpose|score is nan)"
    ) as caught:
        run_search(RandomSearch(), Misbehaving(deed), n_trials=5, random_state=0)
    assert len(caught.value.trials) == 5
    assert all(trial.message for trial in caught.value.trials)


def test_the_failure_survives_the_way_from_a_worker():
    import pickle

    with pytest.raises(SearchFailedError) as caught:
        run_search(RandomSearch(), Misbehaving("raise"), n_trials=2, random_state=0)
    error = pickle.loads(pickle.dumps(caught.value))
    assert str(error) == str(caught.value)
    assert len(error.trials) == 2


def test_ctrl_c_keeps_the_best_so_far(tmp_path):
    seeds = seeds_of(8, random_state=0)
    journal = tmp_path / "journal"
    result = run_search(
        RandomSearch(), Misbehaving("interrupt", [seeds[3]]), n_trials=8, random_state=0, journal=journal
    )
    assert result.stop_reason == "interrupted"
    assert [trial.index for trial in result.trials] == [0, 1, 2]
    assert len(journal.read_text().splitlines()) == 1 + 3
    # And the search can go on later.
    resumed = run_search(RandomSearch(), Misbehaving(), n_trials=8, random_state=0, journal=journal)
    whole = run_search(RandomSearch(), Misbehaving(), n_trials=8, random_state=0)
    assert_equal_tables(resumed.table(), whole.table())


def test_ctrl_c_before_any_success_is_raised():
    seeds = seeds_of(3, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        run_search(RandomSearch(), Misbehaving("interrupt", seeds[:1]), n_trials=3, random_state=0)


# Trials that are evaluated together


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_trials_that_are_evaluated_together(strategy, n_jobs):
    evaluator = InPairs()
    evaluator.asked_ = []
    with joblib.parallel_config(backend="threading"):
        result = run_search(strategy, evaluator, n_trials=12, random_state=0, n_jobs=n_jobs)
    assert_equal_tables(result.table(), run_search(strategy, Misbehaving(), n_trials=12, random_state=0).table())
    # Not those of a strategy that wants to know one before it suggests the next.
    assert bool(evaluator.asked_) == (strategy.points_at_once != 1)


@pytest.mark.parametrize("n_known", [0, 1, 2, 3, 4, 7, 12])
def test_a_group_that_is_known_in_part_is_made_as_a_whole(n_known, tmp_path):
    whole = run_search(RandomSearch(), InPairs(), n_trials=12, random_state=0, journal=tmp_path / "whole")
    lines = (tmp_path / "whole").read_text().splitlines(keepends=True)
    (tmp_path / "part").write_text("".join(lines[: n_known + 1]))
    evaluator = InPairs()
    evaluator.asked_ = []
    resumed = run_search(RandomSearch(), evaluator, n_trials=12, random_state=0, journal=tmp_path / "part")
    assert_equal_tables(resumed.table(), whole.table())
    seeds = [trial.seed for trial in whole.trials]
    pairs = [[seeds[i], seeds[i + 2]] for i in (0, 1, 4, 5, 8, 9)]
    assert evaluator.asked_ == [pair for pair in pairs if not set(pair) <= set(seeds[:n_known])]
    assert len((tmp_path / "part").read_text().splitlines()) == 13


def test_what_was_made_together_counts_when_time_is_over():
    evaluator = InPairs(pause=0.3)
    evaluator.asked_ = []
    seen = []
    result = run_search(RandomSearch(), evaluator, n_trials=100, max_time=0.1, random_state=0, callback=seen.append)
    assert result.stop_reason == "max_time"
    # The second of the first pair comes after one of the second pair, which has not been made.
    assert [trial.index for trial in result.trials] == [trial.index for trial in seen] == [0]
    evaluator = Neighbours(pause=0.3)
    result = run_search(RandomSearch(), evaluator, n_trials=100, max_time=0.1, random_state=0)
    assert [trial.index for trial in result.trials] == [0, 1, 2, 3]
    stopped = run_search(RandomSearch(), Neighbours(), n_trials=9, random_state=0, callback=lambda t: t.index == 1)
    assert [trial.index for trial in stopped.trials] == [0, 1]


def test_what_kills_its_worker_does_not_fail_those_that_were_with_it():
    seeds = seeds_of(6, random_state=0)
    result = run_search(RandomSearch(), Neighbours("kill", seeds[2:3]), n_trials=6, random_state=0, n_jobs=2)
    assert [trial.status for trial in result.trials] == ["ok", "ok", "failed", "ok", "ok", "ok"]
    assert "worker process died" in result.trials[2].message


def test_finals_are_evaluated_together(tmp_path):
    evaluator = Neighbours()
    evaluator.asked_ = []
    settings = {"n_trials": 4, "n_finals": 3, "random_state": 0}
    result = run_search(RandomSearch(), evaluator, **settings, journal=tmp_path / "j")
    assert [len(seeds) for seeds in evaluator.asked_] == [4, 3]
    lines = (tmp_path / "j").read_text().splitlines(keepends=True)
    (tmp_path / "j").write_text("".join(lines[:-1]))
    assert_equal_tables(
        run_search(RandomSearch(), Neighbours(), **settings, journal=tmp_path / "j").table(), result.table()
    )


# Going on with a record, or with a journal


class Counting(TabularEvaluator):
    """A table that counts how often it is asked."""

    def _evaluate(self, *args):
        self.__dict__.setdefault("asked_", []).append(args)
        return super()._evaluate(*args)


def counting():
    return Counting(TABLE.space, TABLE.scores)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
@pytest.mark.parametrize("n_known", [0, 1, 5, 11, 12])
def test_a_search_goes_on_behind_its_journal(strategy, n_known, tmp_path):
    settings = {"n_trials": 12, "random_state": 0}
    whole = run_search(strategy, counting(), **settings, journal=tmp_path / "whole")
    lines = (tmp_path / "whole").read_text().splitlines(keepends=True)
    assert len(lines) == 1 + 12
    part = tmp_path / "part"
    part.write_text("".join(lines[: n_known + 1]) + (lines[n_known + 1][:50] if n_known < 12 else ""))
    evaluator = counting()
    evaluator.asked_ = []
    resumed = run_search(strategy, evaluator, **settings, journal=part)
    assert_equal_tables(resumed.table(), whole.table())
    assert resumed.best_distribution == whole.best_distribution
    assert len(evaluator.asked_) == 12 - n_known
    kept, expected = (
        [json.loads(x) | {"duration": 0} for x in path.read_text().splitlines()] for path in (part, tmp_path / "whole")
    )
    assert kept == expected


def test_a_journal_may_be_extended(tmp_path):
    run_search(RandomSearch(), TABLE, n_trials=4, random_state=0, journal=tmp_path / "j")
    longer = run_search(RandomSearch(), TABLE, n_trials=9, random_state=0, journal=tmp_path / "j")
    assert_equal_tables(longer.table(), run_search(RandomSearch(), TABLE, n_trials=9, random_state=0).table())
    shorter = run_search(RandomSearch(), TABLE, n_trials=2, random_state=0, journal=tmp_path / "j")
    assert len(shorter.trials) == 2
    assert len(read_journal(tmp_path / "j").trials) == 9


OTHERS = {
    "seed": {"random_state": 1},
    "length": {"length": 4},
    "encoding": {"encoding": AdjacencyEncoding()},
    "prior": {"prior": OperationDistribution.uniform(NASBench201Space().operation_names)},
    "strategy": {"strategy": LocalSearch()},
    "strategy__concentration": {"strategy": RandomSearch(2.0)},
    "evaluator__scores": {"evaluator": TabularEvaluator(NASBench201Space(), lambda operations: 0.0)},
    "space__operations": {"evaluator": TabularEvaluator(NASBench201Space(["nor_conv_1x1"]), TABLE.scores)},
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("where", ["journal", "record"])
def test_another_search_is_refused_with_what_differs(name, where, tmp_path):
    settings = {"strategy": RandomSearch(), "evaluator": TABLE, "n_trials": 4, "random_state": 0}
    first = run_search(**settings, journal=tmp_path / "j")
    before = (tmp_path / "j").read_text()
    given = {"journal": tmp_path / "j"} if where == "journal" else {"record": first.record}
    with pytest.raises(
        ValueError, match=rf"{where}.* holds the trials of another search.*what differs: .*{name}: .* now.* Restore"
    ):
        run_search(**(settings | OTHERS[name]), **given)
    assert (tmp_path / "j").read_text() == before


def test_what_changes_no_trial_may_differ(tmp_path):
    first = run_search(RandomSearch(), TABLE, n_trials=4, random_state=0, journal=tmp_path / "j")
    free = {"n_trials": 6, "n_jobs": 2, "max_time": 60, "callback": len, "journal": tmp_path / "j"}
    with joblib.parallel_config(backend="threading"):
        free["callback"] = lambda trial: None
        longer = run_search(RandomSearch(), TABLE, **free, random_state=0, record=first.record)
    assert [a is b for a, b in zip(longer.trials, first.trials, strict=False)] == [True] * 4


@pytest.mark.parametrize("trial_batch", [1, 4, 7])
@pytest.mark.parametrize("strategy", [*BATCHED, RandomSearch()], ids=str)
def test_a_continued_search_equals_an_uninterrupted_one(strategy, trial_batch):
    strategy = clone(strategy).set_params(trial_batch=trial_batch)
    whole = run_search(strategy, TABLE, n_trials=13, random_state=0)
    record, n_known = None, 0
    for n_trials in (3, 6, 6, 13):
        evaluator = counting()
        evaluator.asked_ = []
        continued = run_search(strategy, evaluator, n_trials=n_trials, record=record, random_state=0)
        assert len(evaluator.asked_) == n_trials - n_known
        record, n_known = continued.record, n_trials
    assert_equal_tables(continued.table(), whole.table())
    assert continued.best_distribution == whole.best_distribution


@pytest.mark.parametrize(("n_written", "n_known"), [(2, 5), (5, 2), (3, 3)])
def test_a_record_and_a_journal(n_written, n_known, tmp_path):
    settings = {"strategy": RandomSearch(), "evaluator": TABLE, "random_state": 0}
    whole = run_search(**settings, n_trials=7)
    record = run_search(**settings, n_trials=n_known).record
    run_search(**settings, n_trials=n_written, journal=tmp_path / "j")
    resumed = run_search(**settings, n_trials=7, record=record, journal=tmp_path / "j")
    assert_equal_tables(resumed.table(), whole.table())
    assert [trial.index for trial in read_journal(tmp_path / "j").trials] == list(range(7))


@pytest.mark.parametrize("random_state", [None, 3, "generator", "moved generator", "legacy"])
def test_the_seed_on_record_is_taken_up(random_state, tmp_path):
    made = {
        "generator": lambda: np.random.default_rng(0),
        "moved generator": (shared := np.random.default_rng(0)) and (lambda: shared),
        "legacy": lambda: np.random.RandomState(0),
    }.get(random_state, lambda: random_state)
    first = run_search(RandomSearch(), TABLE, n_trials=3, random_state=made(), journal=tmp_path / "j")
    longer = run_search(RandomSearch(), TABLE, n_trials=6, random_state=made(), journal=tmp_path / "j")
    again = run_search(RandomSearch(), TABLE, n_trials=6, random_state=made(), record=first.record)
    assert [t.seed for t in longer.trials[:3]] == [t.seed for t in first.trials]
    assert_equal_tables(longer.table(), again.table())
    whole = run_search(RandomSearch(), TABLE, n_trials=6, random_state=first.record.seed)
    assert_equal_tables(longer.table(), whole.table())
    # Of other searches not even the seed is taken up.
    with pytest.raises(ValueError, match=r"what differs: length: 6 then, 4 now\. Restore"):
        run_search(RandomSearch(), TABLE, n_trials=6, length=4, random_state=made(), journal=tmp_path / "j")


def test_a_generator_moves_on_alike_with_and_without_a_journal(tmp_path):
    rng, other = np.random.default_rng(0), np.random.default_rng(0)
    run_search(RandomSearch(), TABLE, n_trials=2, random_state=rng)
    for _ in range(2):
        other = np.random.default_rng(0)
        run_search(RandomSearch(), TABLE, n_trials=2, random_state=other, journal=tmp_path / "j")
        assert other.bit_generator.state == rng.bit_generator.state


def test_a_trial_that_was_changed_is_refused(tmp_path):
    run_search(RandomSearch(), TABLE, n_trials=3, random_state=0, journal=tmp_path / "j")
    lines = (tmp_path / "j").read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | {"seed": 17})
    (tmp_path / "j").write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"trial 1 on record \(seed 17, .* is not the one that this search makes"):
        run_search(RandomSearch(), TABLE, n_trials=3, random_state=0, journal=tmp_path / "j")


def test_a_search_that_cannot_begin_leaves_no_journal(tmp_path):
    with pytest.raises(ValueError, match=r"concentration must be positive"):
        run_search(RandomSearch(concentration=0), TABLE, n_trials=2, random_state=0, journal=tmp_path / "j")
    assert list(tmp_path.iterdir()) == []
    run_search(RandomSearch(), TABLE, n_trials=2, random_state=0, journal=tmp_path / "j")


def test_a_folder_holds_a_journal_for_each_search(tmp_path):
    """As cross-validation needs it, whose folds are evaluators with other data."""

    class Fold(TabularEvaluator):
        def __init__(self, space, scores, fold):
            super().__init__(space, scores)
            self.fold = fold

        def _identity(self):
            return super()._identity() | {"data": np.arange(self.fold)}

    def search(fold, **settings):
        evaluator = Fold(TABLE.space, TABLE.scores, fold)
        return run_search(
            RandomSearch(), evaluator, **({"n_trials": 3, "journal": tmp_path, "random_state": 0} | settings)
        )

    for n_trials in (3, 3, 5):
        for fold in range(3):
            assert len(search(fold, n_trials=n_trials).trials) == n_trials
    assert len(list(tmp_path.iterdir())) == 3
    assert {len(read_journal(path).trials) for path in tmp_path.iterdir()} == {5}
    search(0, random_state=1)
    assert len(list(tmp_path.iterdir())) == 4
    drawn = search(0, random_state=None)
    assert search(0, random_state=None, n_trials=4).record.seed == drawn.record.seed
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize(
    ("journal", "error", "message"),
    [
        ("", ValueError, r"journal must be the path of a file or a folder, or None for no journal, got ''"),
        (3, TypeError, r"journal must be the path .* got 3"),
        ("no/such/folder/j", FileNotFoundError, r"folder no.such.folder of the journal j does not exist; create it"),
        ("~/no_such_folder/j", FileNotFoundError, r"folder [^~]*no_such_folder of the journal j does not exist"),
        ("no_such_folder/", FileNotFoundError, r"The folder of journals .no_such_folder. does not exist; create it"),
        ("/dev/null", ValueError, r"but .dev.null is neither"),
    ],
)
def test_the_place_of_a_journal_is_checked_before_any_trial(journal, error, message):
    evaluator = counting()
    evaluator.asked_ = []
    with pytest.raises(error, match=message):
        run_search(RandomSearch(), evaluator, n_trials=2, random_state=0, journal=journal)
    assert evaluator.asked_ == []


def test_a_journal_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    run_search(RandomSearch(), TABLE, n_trials=2, random_state=0, journal="~/jörnal 1")
    assert len(read_journal(tmp_path / "jörnal 1").trials) == 2


def test_a_record_outlives_its_search():
    result = run_search(RandomSearch(), TABLE, n_trials=3, random_state=0)
    copied = pickle.loads(pickle.dumps(result))
    assert copied.record.identity == result.record.identity
    assert copied.best_distribution == result.best_distribution
    longer = run_search(RandomSearch(), TABLE, n_trials=5, record=copied.record)
    assert [trial.seed for trial in longer.trials[:3]] == [trial.seed for trial in result.trials]
    for wrong in (result, result.trials, "record"):
        with pytest.raises(TypeError, match=r"record must be the SearchRecord of an earlier search or None, got"):
            run_search(RandomSearch(), TABLE, n_trials=5, record=wrong)


# A prior


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_a_prior_moves_the_first_points(strategy, tmp_path):
    prior = OperationDistribution.from_counts(NASBench201Space().operation_names, [0, 1, 0, 5, 0])
    prior.save(tmp_path / "prior.json")

    def share(**settings):
        trials = run_search(strategy, TABLE, n_trials=3, random_state=0, **settings).trials
        return np.mean([trial.architecture.operations.count("nor_conv_3x3") / 6 for trial in trials])

    without, weak, strong = share(), share(prior=Prior(prior, 0)), share(prior=Prior(prior, 1000))
    assert without == weak < 0.5 < strong
    assert share(prior=tmp_path / "prior.json") == share(prior=prior) == share(prior=Prior(prior, strength=20))


def test_a_prior_over_other_operations_is_refused():
    prior = OperationDistribution.uniform(["nor_conv_3x3", "magic"])
    with pytest.raises(ValueError, match=r"The prior is one over other operations: \['magic'\] are not in the search"):
        run_search(RandomSearch(), TABLE, n_trials=2, prior=prior)


def test_nothing_is_written_or_printed_unasked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_search(RandomSearch(), TABLE, n_trials=3, random_state=0)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


# Own operations


def test_own_operations_reach_the_workers():
    """Those of a script too, which no worker imports."""
    code = (
        "from sklearn.datasets import load_iris\n"
        "from torch import nn\n"
        "from skopdist.evaluators import TrainingEvaluator\n"
        "from skopdist.operations import register_operation\n"
        "from skopdist.search import run_search\n"
        "from skopdist.spaces import DenseSpace\n"
        "from skopdist.strategies import RandomSearch\n"
        "from skopdist.training import Training\n"
        "@register_operation('own', n_spatial=0)\n"
        "def own(channels):\n"
        "    return nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, channels), nn.ELU())\n"
        "space = DenseSpace(['own', 'skip_connect'])\n"
        "evaluator = TrainingEvaluator(space, training=Training(max_epochs=1), n_cells=1, channels=4)\n"
        "evaluator.fit(*load_iris(return_X_y=True), random_state=0)\n"
        "for n_jobs in (1, 2):\n"
        "    result = run_search(RandomSearch(), evaluator, n_trials=3, random_state=0, n_jobs=n_jobs)\n"
        "    print([(trial.status, trial.message, trial.score) for trial in result.trials])\n"
        "result = result.record.identity\n"
        "print(result['operation__own'][:10])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    one, two, identity = done.stdout.splitlines()
    assert one == two
    assert one.count("'ok', ''") == 3
    assert identity == "Operation "


def test_another_operation_of_the_same_name_is_another_search():
    def search(factory, **settings):
        _REGISTRY.pop("changing", None)
        register_operation("changing", n_spatial=0)(factory)
        evaluator = TabularEvaluator(DenseSpace(["changing", "skip_connect"]), len)
        return run_search(RandomSearch(), evaluator, n_trials=2, random_state=0, **settings)

    try:
        record = search(lambda channels: channels).record
        search(lambda channels: channels, record=record)
        with pytest.raises(
            ValueError, match=r"what differs: operation__changing: Operation \w+ then, Operation \w+ now"
        ):
            search(lambda channels: channels + 1, record=record)
    finally:
        _REGISTRY.pop("changing", None)


# Size


def test_ranks_of_many_trials():
    scores = np.random.default_rng(0).integers(0, 50, 300) / 50
    trial = TABLE.evaluate(NASBench201Space().sample(NASBench201Space().uniform(), random_state=0))
    trials = tuple(trial.replace(score=score) for score in [*scores, np.nan, np.nan])
    result = SearchResult(trials, trial.distribution, trial, RandomSearch(), "n_trials", None)
    expected = [1 + (scores > score).sum() for score in scores] + [301, 301]
    assert result.table()["rank"].tolist() == expected


@pytest.mark.parametrize(
    "strategy", [RandomSearch(), RandomSearch(sequential=True), LocalSearch(), RegularizedEvolution()], ids=str
)
def test_four_times_the_trials_take_about_four_times_the_calls(strategy, monkeypatch):
    # What is recommended in the end compares all pairs of trials, once.
    monkeypatch.setattr(
        "skopdist.strategies._base.smoothed_best",
        lambda encoding, trials: encoding.space_.encode(trials[0].architecture),
    )

    def search(n_trials):
        settings = {"length": 24, "n_trials": n_trials, "random_state": 0}
        assert len(run_search(strategy, TABLE, encoding=DistributionEncoding(), **settings).trials) == n_trials

    search(50)  # what is kept between searches is made once
    assert n_calls(lambda: search(1000)) < 5 * n_calls(lambda: search(250))


@pytest.mark.parametrize("strategy", [*STRATEGIES, RandomSearch(sequential=True)], ids=str)
def test_a_finished_strategy_is_as_small_as_its_trials(strategy):
    result = run_search(strategy, TABLE, encoding=HybridEncoding(), n_trials=100, random_state=0)
    size, size_of_trials = (len(pickle.dumps(part)) for part in (result.strategy, result.trials))
    assert size < size_of_trials + 15_000
    restored = pickle.loads(pickle.dumps(result.strategy))
    assert restored.recommend() == result.best_distribution
    assert len(restored.trials_) == 100
    for forbidden in (restored.suggest, lambda: restored.observe([])):
        with pytest.raises(ValueError, match=r"not in a search: .* its search is over\. Call start to begin another"):
            forbidden()
    with pytest.raises(ValueError, match=r"is not in a search: it was not started"):
        strategy.suggest()


# Arguments


class NeedsGradients(RandomSearch):
    needs_gradient = True


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"strategy": "random"}, TypeError, r"strategy must be an instance of Strategy, got 'random'"),
        ({"strategy": RandomSearch}, TypeError, r"strategy must be an instance of Strategy, got <class"),
        ({"evaluator": len}, TypeError, r"evaluator must be an instance of Evaluator, got"),
        ({"n_trials": 0}, ValueError, r"n_trials must be an integer >= 1, got 0"),
        ({"n_trials": 2.5}, ValueError, r"n_trials must be an integer >= 1, got 2\.5"),
        ({"strategy": LocalSearch(trial_batch=0)}, ValueError, r"trial_batch must be an integer >= 1, got 0"),
        ({"max_time": 0}, ValueError, r"max_time must be a positive number of seconds or None, got 0"),
        ({"length": 0}, ValueError, r"length must be an integer >= 1"),
        ({"random_state": "x"}, ValueError, r"random_state must be"),
        (
            {"strategy": NeedsGradients()},
            ValueError,
            r"NeedsGradients learns from gradients, which TabularEvaluator does",
        ),
        ({"strategy": RandomSearch(concentration=0)}, ValueError, r"concentration must be positive"),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        run_search(**({"strategy": RandomSearch(), "evaluator": TABLE, "n_trials": 2} | arguments))


def test_result_is_frozen():
    result = run_search(RandomSearch(), TABLE, n_trials=2, random_state=0)
    assert isinstance(result, SearchResult)
    with pytest.raises(AttributeError):
        result.stop_reason = "other"


def count_3x3(operations):
    return operations.count("nor_conv_3x3")


def misleading(operations):
    """What a short training tells: right on the whole, and too fond of poolings."""
    return count_3x3(operations) + 0.4 * operations.count("avg_pool_3x3")


SHORT_TABLE = TabularEvaluator(NASBench201Space(), count_3x3, short_scores={0.1: misleading})


@pytest.mark.parametrize(
    "strategy", [RandomSearch(), BayesianOptimization(), LocalSearch()], ids=lambda s: type(s).__name__
)
def test_short_trials_guide_and_finals_decide(strategy):
    result = run_search(strategy, SHORT_TABLE, n_trials=20, fidelity=0.1, n_finals=4, random_state=0)
    short, finals = result.trials[:20], result.trials[20:]
    assert {trial.fidelity for trial in short} == {0.1}
    assert [(trial.fidelity, trial.final) for trial in finals] == [(1.0, True)] * 4
    assert [trial.index for trial in result.trials] == list(range(24))
    assert sum(trial.cost for trial in result.trials) == pytest.approx(20 * 0.1 + 4)
    assert len({trial.architecture for trial in finals}) == 4
    assert {trial.architecture for trial in finals} <= {trial.architecture for trial in short}
    assert result.best_trial.final
    assert result.best_score == max(count_3x3(trial.architecture.operations) for trial in finals)
    assert result.best_distribution == NASBench201Space().encode(result.best_architecture)
    table = result.table()
    assert table["final"].sum() == 4
    assert set(table["rank"][table["final"]]) <= {1, 2, 3, 4}
    assert (table["rank"][~table["final"]] > 4).all()


def test_finals_of_a_longer_search_are_its_own(tmp_path):
    settings = {"fidelity": 0.1, "n_finals": 3, "random_state": 0}
    longer = run_search(BayesianOptimization(), SHORT_TABLE, n_trials=14, **settings)
    path = tmp_path / "journal"
    shorter = run_search(BayesianOptimization(), SHORT_TABLE, n_trials=9, journal=path, **settings)
    continued = run_search(BayesianOptimization(), SHORT_TABLE, n_trials=14, journal=path, **settings)
    from_record = run_search(BayesianOptimization(), SHORT_TABLE, n_trials=14, record=shorter.record, **settings)
    again = run_search(BayesianOptimization(), SHORT_TABLE, n_trials=14, journal=path, **settings)
    for result in (continued, from_record, again):
        assert [(t.index, t.architecture, t.seed, t.final) for t in result.trials] == [
            (t.index, t.architecture, t.seed, t.final) for t in longer.trials
        ]


def test_a_journal_of_another_fidelity_is_refused(tmp_path):
    path = tmp_path / "journal"
    run_search(RandomSearch(), SHORT_TABLE, n_trials=2, journal=path, random_state=0)
    with pytest.raises(ValueError, match="fidelity"):
        run_search(RandomSearch(), SHORT_TABLE, n_trials=2, fidelity=0.1, journal=path, random_state=0)


def test_a_fidelity_that_the_evaluator_has_not():
    with pytest.raises(ValueError, match=r"fidelity of TabularEvaluator must be one of \(0.1, 1.0\), got 0.5"):
        run_search(RandomSearch(), SHORT_TABLE, n_trials=2, fidelity=0.5)


@pytest.mark.parametrize(
    "strategy",
    [RandomSearch(), BayesianOptimization(), LocalSearch(), RegularizedEvolution()],
    ids=lambda s: type(s).__name__,
)
def test_a_search_begins_with_what_it_is_given(strategy):
    space = NASBench201Space()
    known = space.reference_architectures()
    result = run_search(strategy, SHORT_TABLE, n_trials=12, begin_with=known, random_state=0)
    assert [trial.architecture for trial in result.trials[: len(known)]] == list(known)
    assert len(result.trials) == 12
    assert result.best_score == 6
    # Fewer trials than that make the first of them.
    few = run_search(strategy, SHORT_TABLE, n_trials=1, begin_with=known, random_state=0)
    assert [trial.architecture for trial in few.trials] == [known[0]]


# Spaces with scalars


SCALED = DenseSpace(stems=(), scalars=[Scalar("lr", 0.001, 0.1, log=True), Scalar("channels", 4, 16, integer=True)])


@pytest.fixture(scope="module")
def scaled(iris):
    evaluator = TrainingEvaluator(SCALED, n_cells=1, training=Training(max_epochs=1))
    return evaluator.fit(*iris, random_state=0)


@pytest.mark.parametrize(
    "strategy", [RandomSearch(), LocalSearch(2), BayesianOptimization(), RegularizedEvolution(3, 2)], ids=str
)
def test_a_search_of_scalars_goes_on_behind_its_journal(strategy, scaled, tmp_path):
    settings = {"n_trials": 7, "random_state": 0, "begin_with": SCALED.reference_architectures()[:1]}
    whole = run_search(strategy, scaled, **settings, journal=tmp_path / "journal")
    table = whole.table()
    assert table["scalar_channels"].tolist() == [dict(t.architecture.settings)["channels"] for t in whole.trials]
    assert len(set(table["scalar_lr"])) > 1
    assert whole.trials[0].architecture.settings == (("channels", 10), ("lr", 0.01))
    lines = (tmp_path / "journal").read_text().splitlines(keepends=True)
    (tmp_path / "part").write_text("".join(lines[:4]))
    resumed = run_search(strategy, scaled, **settings, journal=tmp_path / "part")
    assert [t.architecture for t in resumed.trials] == [t.architecture for t in whole.trials]
    assert [t.score for t in resumed.trials] == [t.score for t in whole.trials]
    assert resumed.trials[1].duration == whole.trials[1].duration


def test_workers_do_not_change_a_search_of_scalars(scaled):
    one, two = (run_search(RandomSearch(), scaled, n_trials=4, random_state=0, n_jobs=n) for n in (1, 2))
    assert [(t.architecture, t.score) for t in one.trials] == [(t.architecture, t.score) for t in two.trials]


def test_other_scalars_are_another_search_and_none_are_an_older_one():
    assert "space__scalars" not in space_identity(NASBench201Space())
    one, other = (space_identity(NASBench201Space(scalars=[Scalar("lr", low, 0.1)])) for low in (0.01, 0.02))
    assert one["space__scalars"] != other["space__scalars"]


def test_the_model_sees_scalars():
    class Peak(Synthetic):
        def _evaluate(self, architecture, mixture, seed):
            units = [s.unit(v) for s, (_, v) in zip(space.scalar_ranges, architecture.settings, strict=True)]
            return Outcome(-sum((unit - 0.3) ** 2 for unit in units), 1.0)

    space = DenseSpace(stems=(), scalars=[Scalar("a", 0, 1), Scalar("b", 0, 1)])
    learnt, random = (
        run_search(s, Peak(space), n_trials=20, random_state=0) for s in (BayesianOptimization(), RandomSearch())
    )
    assert np.mean([t.score for t in learnt.trials[-8:]]) > np.mean([t.score for t in random.trials]) / 4
    assert learnt.best_score > -0.01

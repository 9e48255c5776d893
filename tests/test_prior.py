"""What is known before a search: read from wherever it is, and matched to the space by name."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from skopdist import OpDistNASClassifier, OperationDistribution, Prior
from skopdist._prior import as_prior, prior_counts

P = OperationDistribution(["a", "b", "c"], [0.5, 0.5, 0.0])
TWO = OperationDistribution(["a", "b"], [[0.25, 0.75], [1, 0]], ["normal", "reduce"])


def fitted():
    clf = OpDistNASClassifier()
    clf.best_distribution_ = P
    return clf


def test_a_distribution_an_estimator_or_a_file(tmp_path):
    P.save(tmp_path / "p.json")
    for prior in (P, fitted(), FrozenEstimator(fitted()), tmp_path / "p.json", str(tmp_path / "p.json")):
        assert Prior(prior).distribution == P
        assert as_prior(prior) == Prior(P, strength=20.0)


@pytest.mark.parametrize("text", ["", "no JSON", "[1, 2]", '{"operations": ["a"]}', '{"a": 1}', "17"])
def test_a_file_that_holds_no_distribution(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(ValueError, match=r"p\.json holds no distribution .*OperationDistribution\.save writes"):
        Prior(tmp_path / "p.json")


def test_probabilities_in_a_file_are_checked(tmp_path):
    (tmp_path / "p.json").write_text('{"operations": ["a"], "cell_types": ["cell"], "probabilities": [[0.5]]}')
    with pytest.raises(ValueError, match=r"p\.json holds no distribution .*must sum to 1, got sums \[0\.5\]"):
        Prior(tmp_path / "p.json")


def test_what_is_no_prior(tmp_path):
    for path in (tmp_path / "missing.json", str(tmp_path / "no" / "p.json"), "adam"):
        with pytest.raises(
            FileNotFoundError, match=r"prior=.* is taken for the path of a file, .* or a distribution its"
        ):
            Prior(path)
    with pytest.raises(OSError, match=r"prior=.* cannot be read \(Is a directory\): give the path of one that Oper"):
        Prior(tmp_path)
    for path in ("", "a\0", "~nobody_has_this_name/p.json"):
        with pytest.raises(
            ValueError, match=r"prior must be the path of a file that OperationDistribution\.save wrote"
        ):
            Prior(path)
    with pytest.raises(NotFittedError, match=r"OpDistNASClassifier given as prior has no best_distribution_: fit it"):
        Prior(OpDistNASClassifier())
    with pytest.raises(NotFittedError, match=r"A copy by sklearn\.base\.clone"):
        Prior(clone(fitted()))
    for wrong in (3, [0.5, 0.5], SimpleNamespace(best_distribution_=[0.5, 0.5])):
        with pytest.raises(
            TypeError, match=r"prior must be a Prior, an OperationDistribution, a fitted OpDistNASClassifier or"
        ):
            Prior(wrong)


@given(st.lists(st.floats(0, 10), min_size=3, max_size=3).filter(lambda w: sum(w) > 1e-3), st.floats(0, 1e6))
def test_counts_are_the_strength_in_the_ratio_of_the_prior(weights, strength):
    p = OperationDistribution.from_counts(["a", "b", "c"], weights)
    counts = prior_counts(Prior(p, strength), p.operations, p.cell_types)
    np.testing.assert_allclose(counts, strength * p.probabilities)


def test_names_are_matched_in_any_order():
    counts = prior_counts(Prior(TWO, 4.0), ("b", "a"), ("reduce", "normal"))
    assert counts.tolist() == [[0, 4], [3, 1]]
    assert prior_counts(None, ("a", "b"), ("normal", "reduce")).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("operations", "cell_types", "message"),
    [
        (("a", "b", "d"), ("cell",), r"over other operations: \['c'\] are not in the search space and \['d'\] are not"),
        (("a", "b"), ("cell",), r"over other operations: \['c'\] are not in the search space\. Give"),
        (
            ("a", "b", "c"),
            ("normal",),
            r"over other cell types: \['cell'\] are not .* \['normal'\] are not in the prior",
        ),
    ],
)
def test_other_operations_or_cell_types_are_named(operations, cell_types, message):
    with pytest.raises(ValueError, match=message):
        prior_counts(Prior(P), operations, cell_types)


@pytest.mark.parametrize("strength", [-1, np.nan, np.inf, "high", None, True])
def test_bad_strength(strength):
    with pytest.raises(ValueError, match=r"strength of a prior must be a finite number .* >= 0, got strength="):
        Prior(P, strength)


def test_a_prior_is_a_value(tmp_path, monkeypatch):
    assert as_prior(None) is None
    assert Prior(P) == Prior(fitted()) != Prior(P, 5)
    assert hash(Prior(P)) == hash(Prior(fitted()))
    assert repr(Prior(P, 5)) == f"Prior({P!r}, strength=5)"
    # A clone of an estimator forgets its fit, and a prior made of it does not.
    assert clone(OpDistNASClassifier(prior=Prior(fitted(), 3))).prior == Prior(P, 3)
    assert pickle.loads(pickle.dumps(Prior(P, 3))) == Prior(P, 3)
    monkeypatch.setenv("HOME", str(tmp_path))
    P.save(tmp_path / "p.json")
    assert Prior("~/p.json") == Prior(P)

"""Files beside predict_proba."""

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from skopdist import OpDistNASClassifier
from skopdist.export import ExportError
from skopdist.export._checking import Comparison


def compared(clf, change, X=None, y=None, tolerance=1e-5):
    comparison = Comparison(clf, X, y, "float64")
    return comparison.report(lambda inputs: change(clf.predict_proba(inputs)), Path(__file__), Path("a"), tolerance)


def test_a_report(single, iris):
    X, y = iris
    report = compared(single, lambda p: p, X.tolist(), y)
    assert report.path == Path("a")
    assert report.n_bytes == Path(__file__).stat().st_size
    assert (report.n_samples, report.agreement) == (150, 1)
    assert report.largest_difference < 1e-12
    assert report.accuracy == report.exported_accuracy == single.score(X, y)
    assert compared(single, lambda p: p).accuracy is None


def test_differences_are_told_or_refused(single, iris):
    X, y = iris
    report = compared(single, lambda p: np.roll(p, 1, axis=1), X, y, tolerance=None)
    assert report.largest_difference > 0.1
    assert report.exported_accuracy < 0.5 < report.accuracy
    with pytest.raises(ExportError, match=r"differs from predict_proba by .* more than the 1e-05"):
        compared(single, lambda p: np.roll(p, 1, axis=1))
    with pytest.raises(ExportError, match="by inf"):
        compared(single, lambda p: np.full_like(p, np.nan))
    with pytest.raises(ExportError, match=r"shapes \(64, 2\)"):
        compared(single, lambda p: p[:, :2])
    with pytest.raises(ExportError, match="size of a batch"):
        compared(single, lambda p: p if len(p) > 1 else np.repeat(p, 2, axis=0))


def test_a_single_sample_counts_too(single):
    with pytest.raises(ExportError, match="differs"):
        compared(single, lambda p: p if len(p) > 1 else p + 0.1)


def test_data_frames_and_sparse_samples(single, iris):
    pd = pytest.importorskip("pandas")
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd")).assign(a=X[:, 0] > 5)
    clf = OpDistNASClassifier(n_trials=1, max_epochs=1, n_cells=1, channels=4, random_state=0).fit(frame, y)
    for given in (frame, frame.astype(float).to_numpy()):
        comparison = Comparison(clf, given, y, "float64")
        np.testing.assert_array_equal(comparison.expected, clf.predict_proba(frame))
    assert len(Comparison(clf, None, None, "float64").inputs) == 64
    assert compared(single, lambda p: p, csr_array(X), y).accuracy == single.score(X, y)


@pytest.mark.parametrize(
    ("X", "y", "input_type", "message"),
    [
        (None, [0], "float64", "y was given without X"),
        (np.zeros((3, 5)), None, "float64", r"shape \(n, 4\)"),
        (np.zeros((0, 4)), None, "float64", "one sample at least"),
        (np.full((1, 4), "a"), None, "float64", "must hold numbers"),
        ([[1, 2, 3], [4, 5]], None, "float64", "differ in length"),
        (np.zeros((2, 4)), [0], "float64", "y must hold 2 labels"),
        (np.full((1, 4), 0.5), None, "uint8", "other values"),
        (np.full((1, 4), 300), None, "uint8", "from 0 to 255"),
    ],
    ids=["no X", "shape", "empty", "text", "ragged", "y", "fractions", "range"],
)
def test_bad_samples(X, y, input_type, message, single):
    with pytest.raises(ValueError, match=message):
        Comparison(single, X, y, input_type)

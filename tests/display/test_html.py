import copy
import pickle
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn import config_context
from sklearn.utils import estimator_html_repr

from skopdist import OpDistNASClassifier, OperationDistribution
from skopdist.display import _drawing, estimator_html
from skopdist.evaluators import TabularEvaluator
from skopdist.networks import NetworkCosts
from skopdist.search import SearchFailedError
from skopdist.spaces import DenseSpace
from skopdist.strategies import RandomSearch
from skopdist.training import Training

HOSTILE = ["<script>alert(1)</script>", "a'onload='x", '"><img src=x>', "&amp;"]
VOID = {"rect", "circle", "path", "img", "br"}


def make(**changes):
    settings = {"n_trials": 2, "max_epochs": 1, "n_cells": 1, "channels": 4, "random_state": 0}
    return OpDistNASClassifier(**(settings | changes))


class Page(HTMLParser):
    """Check that tags are closed in order, and collect the tags and the text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def fitted(iris):
    return make(n_members=2).fit(*iris)


def test_the_page_of_a_notebook_shows_both(fitted):
    page = fitted._repr_html_()
    own = estimator_html(fitted)
    # scikit-learn numbers its pages.
    theirs = re.sub(r"-id-\d+", "", estimator_html_repr(fitted))
    for found in (page, fitted._repr_mimebundle_()["text/html"]):
        assert re.sub(r"-id-\d+", "", found) == theirs + own
    with config_context(display="text"):
        assert set(fitted._repr_mimebundle_()) == {"text/plain"}
        assert not hasattr(fitted, "_repr_html_")


def test_it_has_what_one_wants_to_know(fitted):
    page = Page(estimator_html(fitted))
    text = " ".join(page.texts)
    for what in (
        "3: 0, 1, 2",
        "4 features",
        f"{fitted.best_score_:.4f} ± ",
        "2 together: ",
        " parameters, ",
        "2 trials",
    ):
        assert what in text, what
    n_parameters = sum(p.numel() for net in fitted.nets_ for p in net.module_.parameters())
    assert f"{n_parameters:,} parameters" in text
    assert f"{fitted.fit_time_:.1f} s" in text
    bars = [attrs["style"] for tag, attrs in page.tags if attrs.get("class") == "skopdist-bar"]
    shares = [float(re.match(r"width: ([\d.]+)%", style)[1]) for style in bars]
    allowed = fitted.evaluator_.search_space.allowed
    np.testing.assert_allclose(shares, 100 * fitted.best_distribution_.probabilities[allowed], atol=0.06)
    n_arcs = len([tag for tag, _ in page.tags if tag == "path"])
    assert n_arcs == fitted.best_architecture_.length
    # Folded away.
    assert ("details", {}) in page.tags


def test_before_a_fit_there_is_nothing(iris):
    clf = make()
    assert estimator_html(clf) == ""
    assert "skopdist-fit" not in clf._repr_html_()
    clf.set_params(training=Training(lr=1e12))
    with pytest.raises(SearchFailedError):
        clf.fit(*iris)
    assert estimator_html(clf) == ""
    clf._repr_html_()


def test_labels_and_names_are_escaped(iris):
    X, y = iris
    labels = np.array(HOSTILE)[np.arange(len(y)) % 4]
    clf = make().fit(X, labels)
    page = Page(estimator_html(clf))
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert all("onload" not in attrs for _, attrs in page.tags)
    assert all(label in " ".join(page.texts) for label in HOSTILE)
    # Names of operations too, wherever they stand.
    clf = copy.copy(clf)
    d = clf.best_distribution_
    clf.best_distribution_ = OperationDistribution(["<i>", *d.operations[1:]], d.probabilities, d.cell_types)
    clf.best_architecture_ = clf.best_architecture_.__class__.from_json(
        clf.best_architecture_.to_json().replace("linear_relu", "<script>'x'").replace("skip_connect", "<script>'x'")
    )
    page = Page(estimator_html(clf))
    assert not {"script", "i"} & {tag for tag, _ in page.tags}
    assert "<i>" in page.texts


def test_many_classes_and_long_labels_are_cut(iris):
    labels = np.array([f"{i:02d}" + "x" * 500 for i in range(30)])[np.arange(150) % 30]
    text = estimator_html(make(refit=False).fit(iris[0], labels))
    assert "30: 00xxxx" in text
    assert "and 20 more" in text
    assert "x" * 60 not in text
    # Without a network there is no size.
    assert "multiply-adds" not in text


@pytest.mark.parametrize(
    ("data", "changes", "says"),
    [
        ("series", {}, "series of 8 channels, 8 long"),
        ("images", {"search_space": "darts"}, "images of 1 channel, 8 × 8"),
        ("images", {"search_space": "nasbench101"}, "images of 1 channel, 8 × 8"),
        ("images", {"search_space": "macro"}, "images of 1 channel, 8 × 8"),
        ("iris", {"length": 40, "scoring": "f1_macro"}, "f1_macro"),
    ],
)
def test_every_kind_of_data_and_cell(data, changes, says, request):
    clf = make(strategy=RandomSearch(), **changes).fit(*request.getfixturevalue(data))
    page = Page(estimator_html(clf))
    assert says in " ".join(page.texts)
    assert len([tag for tag, _ in page.tags if tag == "svg"]) == len(clf.evaluator_.search_space.body_types)


def test_a_stored_model_shows_the_same(fitted):
    assert estimator_html(pickle.loads(pickle.dumps(fitted))) == estimator_html(fitted)


def test_a_table_as_evaluator(iris):
    clf = make(evaluator=TabularEvaluator(DenseSpace(), len), channels=None, n_cells=None).fit(*iris)
    assert "the best of all trials" in estimator_html(clf)


def test_a_stem_is_told_by_its_bar_alone(fitted, monkeypatch):
    from skopdist import Architecture, Cell

    monkeypatch.setattr(_drawing, "is_stem", lambda name: name.endswith("_stem"))
    clf = copy.copy(fitted)
    names = ["linear_relu", "skip_connect", "plain_stem", "deep_stem"]
    clf.best_distribution_ = OperationDistribution(names, [[0.5, 0.5, 0, 0], [0, 0, 1, 0]], ["cell", "stem"])
    cells = [Cell(["linear_relu", "skip_connect"], [(0, 1), (1, 2)]), Cell(["plain_stem"], [(0, 1)])]
    clf.best_architecture_ = Architecture(cells, ["cell", "stem"])
    page = Page(estimator_html(clf))
    assert len([tag for tag, _ in page.tags if tag == "svg"]) == 1
    assert len([attrs for _, attrs in page.tags if attrs.get("class") == "skopdist-bar"]) == 4


def test_the_cost_of_a_table_is_that_of_its_columns(iris):
    pd = pytest.importorskip("pandas")
    X, y = iris
    frame = pd.DataFrame({"length": X[:, 0], "kind": np.where(X[:, 1] > 3, "wide", "narrow"), "place": X[:, 2] > 4})
    clf = make(strategy=RandomSearch()).fit(frame, y)
    columns = clf.evaluator_.problem_.columns
    sizes = clf.net_.module__channels, clf.net_.module__n_cells, "cpu"
    costs = NetworkCosts(clf.sample_shape_, 3, *sizes, columns)
    flops = sum(costs.flops(net.module__architecture) for net in clf.nets_)
    assert f"{flops:,} multiply-adds" in estimator_html(clf)
    # Codes of categories go through no product.
    numbers = NetworkCosts((3,), 3, *sizes)
    assert flops < sum(numbers.flops(net.module__architecture) for net in clf.nets_)

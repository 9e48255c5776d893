import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

PACKAGE = """
from sklearn.linear_model import LogisticRegression


class OpDistNASClassifier(LogisticRegression):
    pass
"""


@pytest.fixture
def revisions(script):
    return script("revisions")


def test_a_fit_is_that_of_the_package_in_the_folder(revisions, tmp_path):
    (tmp_path / "skopdist").mkdir()
    (tmp_path / "skopdist" / "__init__.py").write_text(PACKAGE)
    split = train_test_split(*load_iris(return_X_y=True), random_state=0)
    row = revisions.measure(tmp_path, split, 0)
    assert row["accuracy"] > 0.9
    assert row["log_loss"] < 0.5
    # No network was trained.
    assert 0 <= row["cpu_seconds"] < 5


def test_revisions_are_laid_side_by_side(revisions, tmp_path):
    rows = revisions.common.Rows(tmp_path / "rows.jsonl", revisions.KEYS)
    for age, seconds in (("earlier", 30.0), ("later", 12.0)):
        rows.add(
            age=age, revision=age, dataset="iris", seed=0, accuracy=0.9, log_loss=0.25, cpu_seconds=seconds, seconds=40
        )
    rows.add(
        age="earlier", revision="x", dataset="half", seed=0, accuracy=0.9, log_loss=0.2, cpu_seconds=1.0, seconds=1.0
    )
    (line,) = revisions.revision_table(rows).splitlines()[2:]
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "iris", "30", "0.9000", "0.250", "12", "0.9000", "0.250", "2.5",
    ]  # fmt: skip


def test_a_revision_is_laid_out_from_the_history(revisions, tmp_path):
    root = revisions.Path(revisions.__file__).parent.parent
    if not (root / ".git").exists():
        pytest.skip("there is no history")
    name = revisions.check_out("HEAD", tmp_path)
    assert 7 <= len(name) <= 40
    assert (tmp_path / "skopdist" / "classifier.py").exists()

"""What is to be known of an exported network beside its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from skopdist._version import __version__

# Names of the two ends of an exported graph.
INPUT, OUTPUT = "X", "probabilities"


def metadata(clf: Any, input_type: str) -> dict[str, Any]:
    """Describe an exported estimator as JSON values.

    Parameters
    ----------
    clf : fitted OpDistNASClassifier
    input_type : str

    Returns
    -------
    facts : dict
        ``classes`` in the order of the probabilities, ``input_shape`` and ``axes`` of a raw sample, ``input_type``,
        ``features`` where the data frame named them, ``categories`` where there are some, the number of ``members``,
        ``best_score`` (None where it is not known) and ``versions``.
    """
    names = getattr(clf, "feature_names_in_", None)
    n_members = int(np.count_nonzero(clf.member_weights_))
    layout = clf._reader.layout
    return {
        "classes": clf.classes_.tolist(),
        "input": INPUT,
        "output": OUTPUT,
        "input_shape": list(layout.given),
        "input_type": input_type,
        "axes": layout.order if len(layout.given) > 1 else "flat",
        "features": None if names is None else [str(name) for name in names],
        "categories": _categories(clf),
        "members": n_members,
        "best_score": float(clf.best_score_) if np.isfinite(clf.best_score_) else None,
        "versions": versions(),
    }


def _categories(clf: Any) -> dict[str, list[Any]] | None:
    """Return the levels of each column of categories, by its index: a level's place there is its code in the input.

    The code of any other level is -1; None among the levels stands for missing values.
    """
    known = clf._reader.levels
    return None if known is None else {str(i): list(levels) for i, levels in enumerate(known) if levels is not None}


def versions() -> dict[str, str]:
    """Return the versions that a file was written with."""
    return {"skopdist": __version__, "torch": str(torch.__version__), "numpy": np.__version__}

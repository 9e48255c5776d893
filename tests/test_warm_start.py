"""Whether a search may go on with the trials of an earlier one."""

import numpy as np
import pytest

from skopdist._warm_start import Beginning
from skopdist.strategies import LocalSearch

X = np.arange(6.0).reshape(3, 2)


def begin(data=X, **parameters):
    return Beginning.of(7, (data, None), {"strategy": LocalSearch(), "n_trials": 3, "scoring": len} | parameters)


def test_the_same_search_may_go_on():
    begin().check_continues(begin())
    begin(np.arange(6.0).reshape(3, 2)).check_continues(begin())
    begin(n_trials=9, n_jobs=2, refit_length=3, journal="there").check_continues(begin())
    begin(scoring=lambda: 1).check_continues(begin(scoring=lambda: 1))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"data": X + 1}, r"but the data changed since"),
        ({"max_epochs": 3, "strategy": LocalSearch(7)}, r"but max_epochs, strategy changed since"),
        ({"data": X.T, "scoring": sum}, r"but the data, scoring changed since"),
    ],
)
def test_another_search_is_refused(other, message):
    with pytest.raises(ValueError, match=message + r".*or set warm_start=False to begin anew"):
        begin(**other).check_continues(begin())

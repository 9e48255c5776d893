"""What a search began with, so that a later fit can tell whether it may go on with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import joblib

# Parameters that change neither what a trial is nor what it scores.
_FREE = {
    *("n_trials", "max_time", "refit", "refit_length", "refit_n_cells", "refit_channels", "refit_max_epochs"),
    *("device", "n_jobs", "journal", "verbose", "warm_start"),
}


@dataclass(frozen=True)
class Beginning:
    """The data, the parameters and the entropy of a search.

    Attributes
    ----------
    entropy : int
    data : str
        A hash of all that the trials are trained and scored on.
    settings : dict of str to str
        The parameters on which the trials depend, as text.
    """

    entropy: int
    data: str
    settings: Mapping[str, str]

    @classmethod
    def of(cls, entropy: int, data: Any, parameters: Mapping[str, Any]) -> Self:
        """Describe a search by its entropy, its arrays and the parameters of its estimator."""
        # Addresses are not those of the same objects in another process.
        settings = {
            name: re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
            for name, value in parameters.items()
            if name not in _FREE
        }
        return cls(entropy, joblib.hash(data), settings)

    def check_continues(self, earlier: Self) -> None:
        """Refuse to go on with the trials of an earlier search that was another one."""
        changed = sorted(name for name, text in self.settings.items() if earlier.settings.get(name) != text)
        if self.data != earlier.data:
            changed.insert(0, "the data")
        if changed:
            raise ValueError(
                f"warm_start=True goes on with the trials of the last fit, but {', '.join(changed)} changed since, "
                "and with that what a score means. Restore what changed, or set warm_start=False to begin anew."
            )

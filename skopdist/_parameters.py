"""What everything with parameters derives from."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator


class HasParameters(BaseEstimator):
    """An object with parameters that scikit-learn can read, set and clone."""

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name.

        Parameters
        ----------
        **params : dict
            Values by name; ``<name>__<parameter>`` sets a parameter of an object that is a parameter itself.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no such parameter, or what a name with two underscores begins with is no object with parameters.
            Then nothing is set.
        """
        current = self.get_params(deep=False)
        for key in params:
            name, _, inner = key.partition("__")
            if not inner or name not in current:
                continue
            owner = params.get(name, current[name])
            if isinstance(owner, type) or not hasattr(owner, "set_params"):
                raise ValueError(
                    f"Invalid parameter {key!r} for estimator {type(self).__name__}: {name!r} must be an object with "
                    f"the parameter {inner!r}, got {owner!r}. Set {name!r} to such an object, before or in the same "
                    "call."
                )
        return super().set_params(**params)

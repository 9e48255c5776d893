"""Cells for flat input."""

from skopdist.spaces._dag import DAGSpace


class DenseSpace(DAGSpace):
    """Cells of fully connected blocks, for flat input of shape (n, features).

    Each block is a layer normalisation, a linear map and its activation; layer normalisation works on batches of one.

    Parameters
    ----------
    operations : sequence of str or None, default=None
        None takes ``none``, ``skip_connect``, ``linear_relu``, ``linear_silu``, ``linear_tanh`` and ``gated_linear``.
    references : sequence of Architecture or None, default=None
        What :meth:`reference_architectures` returns; None takes those that the space names.
    stems : sequence of str or None, default=None
        How features enter the network. None takes ``periodic_stem``, ``linear_stem``, ``piecewise_stem`` and
        ``value_stem``.

    Examples
    --------
    >>> from skopdist.spaces import DenseSpace
    >>> DenseSpace().sample(DenseSpace().uniform(), length=3, random_state=0)
    Architecture(cell: linear_silu 0>1 | none 0>2, gated_linear 1>2; stem: value_stem 0>1)
    """

    default_operations = ("none", "skip_connect", "linear_relu", "linear_silu", "linear_tanh", "gated_linear")
    default_stems = ("periodic_stem", "linear_stem", "piecewise_stem", "value_stem")
    default_length = 6
    n_spatial = 0
    strongest_operation = "linear_relu"
    # One for each stem.
    _n_references = 4

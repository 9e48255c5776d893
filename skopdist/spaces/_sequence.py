"""Cells for series."""

from skopdist.spaces._dag import DAGSpace


class SequenceSpace(DAGSpace):
    """Cells of one-dimensional convolutions, for series of shape (n, channels, length).

    Parameters
    ----------
    operations : sequence of str or None, default=None
        None takes ``none``, ``skip_connect``, ``conv_5``, ``conv_9``, ``dil_conv_9`` (dilation 4), ``sep_conv_9`` and
        ``max_pool_3``. There are ``conv_3``, ``sep_conv_19``, ``multi_sep_conv`` (separable, with kernels of 9, 19 and
        39), ``inception`` (these kernels behind a bottleneck) and ``avg_pool_9``, too.
    references : sequence of Architecture or None, default=None
        What :meth:`reference_architectures` returns; None takes those that the space names.
    stems : sequence of str or None, default=None
        How series enter the network. None takes ``minirocket_stem``, ``multi_scale_stem`` and ``fixed_filter_stem``.
        There are ``normalizing_stem``, for series whose level and scale say nothing, and ``conv_9_stem``, too.

    Examples
    --------
    >>> from skopdist.spaces import SequenceSpace
    >>> SequenceSpace().sample(SequenceSpace().uniform(), length=3, random_state=0)
    Architecture(cell: none 0>1 | conv_5 0>2, conv_9 1>2; stem: minirocket_stem 0>1)
    """

    default_operations = ("none", "skip_connect", "conv_5", "conv_9", "dil_conv_9", "sep_conv_9", "max_pool_3")
    # Without normalizing_stem: it learns fast, so that short trainings overrate it, and where the level of a series
    # tells something it does harm (MelbournePedestrian of the UCR archive: .91 instead of .97).
    default_stems = ("minirocket_stem", "multi_scale_stem", "fixed_filter_stem")
    default_length = 6
    n_spatial = 1
    strongest_operation = "conv_5"

"""The search space of NAS-Bench-201, for images."""

from skopdist.spaces._dag import DAGSpace


class NASBench201Space(DAGSpace):
    """Cells for images, shape (n, channels, height, width): the space of NAS-Bench-201 [1]_ at its length 6.

    The slots of a cell of six operations are the edges (0,1), (0,2), (1,2), (0,3), (1,3), (2,3).

    Parameters
    ----------
    operations : sequence of str or None, default=None
        None takes ``none``, ``skip_connect``, ``nor_conv_1x1``, ``nor_conv_3x3`` and ``avg_pool_3x3``.
    references : sequence of Architecture or None, default=None
        What :meth:`reference_architectures` returns; None takes those that the space names.
    stems : sequence of str or None, default=None
        How images enter the network: names of stems such as ``conv_stem`` and ``whitening_stem``. None takes the
        benchmark's own, a convolution, for all.

    References
    ----------
    .. [1] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
       ICLR 2020, arXiv 2001.00326, section 2.1.

    Examples
    --------
    >>> from skopdist.spaces import NASBench201Space
    >>> space = NASBench201Space()
    >>> architecture = space.sample(space.uniform(), length=6, random_state=0)
    >>> space.encode(architecture)
    OperationDistribution(none=0.17, skip_connect=0.33, nor_conv_1x1=0.17, nor_conv_3x3=0.17, avg_pool_3x3=0.17)
    """

    default_operations = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    default_length = 6
    n_spatial = 2
    strongest_operation = "nor_conv_3x3"

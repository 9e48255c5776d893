"""Cells for images in networks that halve them at once."""

from skopdist.spaces._nasbench201 import NASBench201Space


class ImageSpace(NASBench201Space):
    """The cells of NAS-Bench-201 in networks that a CPU trains in a quarter of the time.

    The stem divides images of 16 pixels a side or more by two, or by twice as much as in
    :class:`~skopdist.spaces.NASBench201Space`, where cells work on all pixels of an image of 32.

    Parameters
    ----------
    operations : sequence of str or None, default=None
        None takes ``none``, ``skip_connect``, ``nor_conv_1x1``, ``nor_conv_3x3`` and ``avg_pool_3x3``.
    references : sequence of Architecture or None, default=None
        What :meth:`reference_architectures` returns; None takes those that the space names.
    stems : sequence of str or None, default=None
        How images enter the network. None takes ``whitening_stem`` and ``conv_stem``.

    Examples
    --------
    >>> from skopdist.spaces import ImageSpace
    >>> ImageSpace().sample(ImageSpace().uniform(), length=3, random_state=0)
    Architecture(cell: skip_connect 0>1 | avg_pool_3x3 0>2, none 1>2; stem: whitening_stem 0>1)
    """

    default_stems = ("whitening_stem", "conv_stem")
    layout = "halved_stack"

"""The network: stem, cells, head and classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn

from skopdist._columns import Columns
from skopdist._scaling import Scaling
from skopdist.architecture import Architecture
from skopdist.networks._categories import Categories, SplitColumns, plan_categories
from skopdist.networks._cells import CellModule, CellPlan, MakeOperation, make_operation
from skopdist.networks._inputs import Standardize
from skopdist.networks._layouts import plan_network
from skopdist.networks._views import VIEWS, average_views
from skopdist.operations import average, clear, ending, get_operation


class AuxiliaryHead(nn.Module):
    """A classifier of the result half way through a network, which helps to train the first half (DARTS, section A.2).

    Parameters
    ----------
    channels, n_classes : int
    """

    def __init__(self, channels: int, n_classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.ReLU(),
            # DARTS pools windows of 5 by 5 from images of 8 by 8; this gives as many positions for any size.
            nn.AdaptiveAvgPool2d(2),
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768),
            nn.ReLU(),
        )
        self.classify = nn.Linear(768, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, height, width) to logits of shape (n, n_classes)."""
        return self.classify(self.features(x).flatten(1))


class Network(nn.Module):
    """The torch module of an architecture: cells between a stem and a linear classifier, which returns logits.

    The architecture's layout says how cells are arranged. Most layouts halve images and series, and double the width,
    at one and two thirds of the depth. With 15 cells, 16 channels and 32x32 colour images the layout "stack" is the
    network of NAS-Bench-201 [1]_.

    Cells work on at most 64 pixels along a side of an image, and on at most 64 positions of a series. The stem strides
    over larger images and pools or strides over longer series; its kernels grow with the stride, so that every position
    counts. Series may end early, with NaN behind their ends in all channels: the result does not depend on how far they
    are padded. They may also be longer than `input_shape` says.

    Parameters
    ----------
    architecture : Architecture
    input_shape : (features,), (channels, length) or (channels, height, width)
    n_classes : int
    channels : int, default=16
        Width of the network at its beginning.
    n_cells : int, default=3
        Number of cells in a row; in a chain of layers, how often each layer stands there.
    scaling : Scaling or None, default=None
        Statistics with which input is standardised; None leaves it as it is.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the matrix products while training; evaluation is always in the precision of the weights.
    make_operation : callable ``(cell type, slot, name, OperationSize) -> nn.Module``, default=make_operation
        Makes the module at each slot; a supernet puts all candidates there.
    drop_path : float, default=0.0
        The probability with which an operation's result is dropped while training, sample by sample.
    auxiliary_weight : float, default=0.0
        The weight in the loss of a second classifier, at two thirds of the depth, for images. It is there only if the
        weight is positive, and then training returns two sets of logits; see :meth:`forward`.
    columns : Columns or None, default=None
        What the columns of flat input are, where some hold codes of categories or have gaps: these have vectors, which
        are added to the result of the stem. None takes all for numbers.
    views : {"shift", "shift_flip"} or None, default=None
        Views of an image over which predictions are averaged, in evaluation mode only; see
        :class:`~skopdist.training.Training`. Costs are counted for one.

    Raises
    ------
    ValueError
        If an operation or the layout is unknown or one for inputs of other dimensions, a size is not positive, or an
        option is out of its range.

    References
    ----------
    .. [1] Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
       ICLR 2020, arXiv 2001.00326.

    Examples
    --------
    >>> from skopdist import Architecture, Cell
    >>> from skopdist.networks import Network
    >>> cell = Cell(["nor_conv_3x3", "skip_connect", "avg_pool_3x3"], [(0, 1), (0, 2), (1, 2)])
    >>> network = Network(Architecture([cell]), input_shape=(1, 8, 8), n_classes=10, channels=8, n_cells=1)
    >>> sum(parameter.numel() for parameter in network.parameters())
    786
    """

    _continues = False

    def __init__(
        self,
        architecture: Architecture,
        input_shape: Sequence[int],
        n_classes: int,
        channels: int = 16,
        n_cells: int = 3,
        scaling: Scaling | None = None,
        precision: str = "float32",
        make_operation: MakeOperation = make_operation,
        drop_path: float = 0.0,
        auxiliary_weight: float = 0.0,
        columns: Columns | None = None,
        views: str | None = None,
    ) -> None:
        super().__init__()
        input_shape = tuple(input_shape)
        _check_sizes(input_shape, n_classes, channels, n_cells)
        _check_operations(architecture, input_shape)
        if columns is not None:
            input_shape = (columns.n_numbers,)
        stem, layers, head, classify = plan_network(architecture, input_shape, n_classes, channels, n_cells)
        n_spatial = len(input_shape) - 1
        _check_options(drop_path, auxiliary_weight, n_spatial, views)
        self.n_spatial = n_spatial
        self.views = views
        self.precision = precision
        self.standardize = nn.Identity() if scaling is None else Standardize(scaling, n_spatial)
        self.split: SplitColumns | None = None if columns is None else SplitColumns(columns, scaling)
        self.stem = CellModule(stem, make_operation) if isinstance(stem, CellPlan) else stem.make()
        self.cells = nn.Sequential(
            *(
                CellModule(layer, make_operation, drop_path) if isinstance(layer, CellPlan) else layer.make()
                for layer in layers
            )
        )
        self.head = head.make()
        self.classify = classify.make()
        categories = plan_categories(columns, channels)
        self.categories: Categories | None = None if categories is None else cast(Categories, categories.make())
        if self.categories is not None and scaling is not None:
            self.categories.weigh(scaling.shares)
        self.auxiliary_weight = auxiliary_weight
        if auxiliary_weight:
            cells = [(i, layer) for i, layer in enumerate(layers) if isinstance(layer, CellPlan)]
            self.auxiliary_row, cell = cells[min(2 * n_cells // 3, len(cells) - 1)]
            self.auxiliary = AuxiliaryHead(cell.width, n_classes)
        if n_spatial:
            # Convolutions on a CPU, and tensor cores, like the channels innermost. Series are images of one row there.
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def prepare(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Standardise the numbers of raw samples, and look up which levels their categories have.

        Returns
        -------
        x : Tensor of shape (n, features, ...)
        rows : Tensor of shape (n, n_categories) or None
            Of the tables of the categories, where there are any.
        """
        rows = None
        if self.split is not None:
            x, rows = self.split(x)
        return clear(self.standardize(x).to(self.classify.weight.dtype)), rows

    @property
    def adapts(self) -> bool:
        """Whether the stem is to see samples before a training; see :meth:`adapt`."""
        return any(hasattr(module, "adapt") for module in self.stem.modules())

    @torch.no_grad()
    def adapt(self, x: Tensor, weight: Tensor) -> None:
        """Show samples to the parts of the stem that set something by them, such as quantiles of features.

        Parameters
        ----------
        x : Tensor of shape (n, *input_shape)
            Raw samples.
        weight : Tensor of shape (n,)
            Their positive weights.
        """
        with self._ending(x):
            x, _ = self.prepare(x)
        for module in self.stem.modules():
            if hasattr(module, "adapt"):
                cast(Any, module).adapt(x, weight)

    @property
    def begins(self) -> bool:
        """Whether the stem begins with what has no weights; see :meth:`begin`."""
        return self._stem_operation is not None and hasattr(self._stem_operation, "begin")

    @torch.no_grad()
    def begin(self, x: Tensor) -> Tensor:
        """Compute what comes before the first weights, which stays the same throughout a training.

        Parameters
        ----------
        x : Tensor of shape (n, *input_shape)
            Raw samples.

        Returns
        -------
        begun : Tensor of shape (n, ...)
            What the network takes in the place of `x` while it is :meth:`continuing`.
        """
        with self._ending(x):
            return cast(Tensor, cast(Any, self._stem_operation).begin(self.prepare(x)[0]))

    @contextmanager
    def continuing(self) -> Iterator[None]:
        """Take samples, for the time being, as :meth:`begin` returns them."""
        self._continues = True
        try:
            yield
        finally:
            self._continues = False

    @property
    def _stem_operation(self) -> nn.Module | None:
        return self.stem.operations[0] if isinstance(self.stem, CellModule) else None

    def forward(self, x: Tensor, sample_weight: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        """Map a batch of raw samples, shape (n, *input_shape), to logits of shape (n, n_classes).

        In training with an auxiliary classifier, its logits are returned too, as the second of two. skorch hands the
        weights over with the samples; they are for the loss, and nothing here depends on them.
        """
        with self._ending(x):
            if self.views is not None and not self.training:
                return average_views(cast(Callable[[Tensor], Tensor], self._logits), x, self.views)
            return self._logits(x)

    def _ending(self, x: Tensor) -> AbstractContextManager[None]:
        """Note where series end: a padded position is NaN."""
        return ending(x) if self.n_spatial == 1 else nullcontext()

    def _logits(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        dtype = self.classify.weight.dtype
        rows = None
        if not self._continues:
            x, rows = self.prepare(x)  # (n, features, ...)
        if self.n_spatial == 2:
            x = x.contiguous(memory_format=torch.channels_last)
        autocast = self.training and self.precision == "bfloat16"
        # On meta tensors, by which one counts operations, there is no such thing.
        is_meta = x.device.type == "meta"
        with nullcontext() if is_meta else torch.autocast(x.device.type, torch.bfloat16, enabled=autocast):
            x = cast(Any, self._stem_operation).end(x) if self._continues else self.stem(x)
            if self.categories is not None:
                x = x + self.categories(rows)
            before = latest = x
            for row, layer in enumerate(self.cells):
                result = layer(before, latest) if getattr(layer, "n_inputs", 1) == 2 else layer(latest)
                before, latest = latest, result  # (n, width, ...)
                if self.training and self.auxiliary_weight and row == self.auxiliary_row:
                    auxiliary = self.auxiliary(latest).to(dtype)  # (n, n_classes)
            x = self.head(latest)  # (n, width, ...)
            if self.n_spatial:
                x = average(clear(x.flatten(2)))  # (n, width)
            logits = self.classify(x).to(dtype)  # (n, n_classes)
        return (logits, auxiliary) if self.training and self.auxiliary_weight else logits


def _check_operations(architecture: Architecture, input_shape: tuple[int, ...]) -> None:
    for name in architecture.operations:
        operation = get_operation(name)
        if not operation.fits(len(input_shape) - 1):
            raise ValueError(
                f"The operation {name!r} takes samples with {operation.n_spatial} spatial dimensions, but the input "
                f"shape {input_shape} has {len(input_shape) - 1}; sample the architecture from another space."
            )


def _check_options(drop_path: float, auxiliary_weight: float, n_spatial: int, views: str | None) -> None:
    if not 0 <= drop_path < 1:
        raise ValueError(f"drop_path must be at least 0 and less than 1, got {drop_path!r}.")
    if auxiliary_weight < 0:
        raise ValueError(f"auxiliary_weight must not be negative, got {auxiliary_weight!r}.")
    if auxiliary_weight and n_spatial != 2:
        raise ValueError(
            f"auxiliary_weight is for images, but samples have {n_spatial} spatial dimensions; leave it 0."
        )
    if views is not None and (views not in VIEWS or n_spatial != 2):
        raise ValueError(
            f"views must be None or, for images, one of {list(VIEWS)}; got {views!r} for samples with {n_spatial} "
            "spatial dimensions."
        )


def _check_sizes(input_shape: Sequence[int], n_classes: int, channels: int, n_cells: int) -> None:
    if len(input_shape) not in (1, 2, 3) or min(input_shape) < 1:
        raise ValueError(
            "input_shape must be (features,), (channels, length) or (channels, height, width) with positive sizes, "
            f"got {tuple(input_shape)}."
        )
    for name, value in (("n_classes", n_classes), ("channels", channels), ("n_cells", n_cells)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")

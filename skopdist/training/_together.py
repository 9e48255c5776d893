"""The training of several networks in one graph, step by step as skorch trains each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from skorch import NeuralNetClassifier
from torch import Tensor
from torch.nn import functional

from skopdist.networks import BatchedNetworks, Network
from skopdist.problem import rows_of_bytes
from skopdist.training._batches import Batches, TensorData
from skopdist.training._recipe import Training
from skopdist.training._skorch import Schedule


def train_together(
    nets: Sequence[NeuralNetClassifier],
    datasets: Sequence[TensorData],
    training: Training,
    max_time: float | None = None,
) -> list[str | None]:
    """Train the networks of nets for flat input, each as it would be alone but for rounding.

    A step is one step of every network: the losses are summed, so that each network has its own gradient, and an
    optimiser that moves every number for itself moves each network as its own optimiser would. Numbers that are not
    finite stay within the network in which they arise.

    Parameters
    ----------
    nets : sequence of skorch.NeuralNetClassifier
        Initialised, by the same recipe. Afterwards their networks are trained, and their histories are written; their
        optimisers know nothing of it.
    datasets : sequence of TensorData
        What each is trained on, in as many batches.
    training : Training
    max_time : float or None, default=None
        Seconds after which all of them end at the latest, as with
        :class:`~skopdist.training._skorch.OneCycle`.

    Returns
    -------
    failures : list of str or None
        Why the training of a net failed, or None.
    """
    networks: list[Network] = [net.module_ for net in nets]
    device = next(networks[0].parameters()).device
    batched = BatchedNetworks(networks).to(device)
    optimizer = training.make_optimizer(batched.parameters())
    rates = [group["lr"] for group in optimizer.param_groups]
    batches = _JointBatches(nets, datasets, networks, device)
    n_steps, step = training.n_epochs * len(batches), 0
    schedule = Schedule(n_steps, max_time)
    failures: list[str | None] = [None] * len(nets)
    for net, dataset in zip(nets, datasets, strict=True):
        net.notify("on_train_begin", X=dataset, y=None)
    for _ in range(training.n_epochs):
        alive = [i for i, failure in enumerate(failures) if failure is None]
        if not alive or (step and schedule.is_over):
            break
        for i in alive:
            nets[i].notify("on_epoch_begin", dataset_train=datasets[i], dataset_valid=None)
        losses = []
        for x, rows, y, weight in batches:
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * schedule(step)
            logits = batched(x, rows)  # (m, n, n_classes)
            each = functional.cross_entropy(
                logits.flatten(0, 1), y.flatten(), reduction="none", label_smoothing=training.label_smoothing
            )
            loss = (each.view_as(weight) * weight).sum(dim=1)  # (m,)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
            losses.append(loss.detach())
            step += 1
            if schedule.is_over:
                break
        of_members = torch.stack(losses, dim=1).tolist()
        for i in alive:
            failures[i] = _end_epoch(nets[i], datasets[i], of_members[i], batches.sizes[i])
    batched.hand_back()
    for net, dataset in zip(nets, datasets, strict=True):
        net.notify("on_train_end", X=dataset, y=None)
    return failures


def _end_epoch(
    net: NeuralNetClassifier, dataset: TensorData, losses: Sequence[float], sizes: Sequence[int]
) -> str | None:
    """Write an epoch into the history of a net, and return why its training ends, if it does."""
    # Fewer losses than batches, where time ran out.
    batches = ({"train_loss": loss, "train_batch_size": size} for loss, size in zip(losses, sizes, strict=False))
    net.history[-1]["batches"].extend(batches)
    net.history.record("train_batch_count", len(losses))
    try:
        net.notify("on_epoch_end", dataset_train=dataset, dataset_valid=None)
    except FloatingPointError as error:
        return f"{type(error).__name__}: {error}"
    return None


class _JointBatches:
    """Batches of several nets, side by side: each net's samples in its own order.

    Batches may differ in size by what the numbers of samples do. Shorter ones are filled up with samples that count
    nothing.

    Attributes
    ----------
    sizes : list of list of int
        Of the batches of each net.
    """

    def __init__(
        self,
        nets: Sequence[NeuralNetClassifier],
        datasets: Sequence[TensorData],
        networks: Sequence[Network],
        device: torch.device,
    ) -> None:
        self.batches: list[Batches] = [
            net.get_iterator(dataset, training=True) for net, dataset in zip(nets, datasets, strict=True)
        ]
        self.n = len(self.batches[0])
        if any(len(batches) != self.n for batches in self.batches):
            raise ValueError(
                f"Networks that are trained together need equally many batches, got {[*map(len, self.batches)]}."
            )
        parts = [torch.arange(batches.n_samples).tensor_split(self.n) for batches in self.batches]
        self.sizes = [[len(part) for part in row] for row in parts]
        width = max(max(row) for row in self.sizes)
        # Of each net: which places of its order are in which batch, shape (n_batches, width).
        self.places = [torch.stack([functional.pad(part, (0, width - len(part))) for part in row]) for row in parts]
        sizes = torch.tensor(self.sizes)[:, :, None]  # (m, n_batches, 1)
        dtype = next(networks[0].parameters()).dtype
        self.shares = torch.where(torch.arange(width) < sizes, 1 / sizes.to(dtype), 0).transpose(0, 1).to(device)
        # Data that several nets share are there once.
        begins: dict[int, int] = {}
        X: list[Tensor] = []
        rows: list[Tensor] = []
        y: list[Tensor] = []
        weight: list[Tensor] = []
        for network, dataset in zip(networks, datasets, strict=True):
            if id(dataset.samples) not in begins:
                begins[id(dataset.samples)] = sum(len(part) for part in X)
                numbers, levels = _prepared(network, dataset)
                X.append(numbers)
                rows += [] if levels is None else [levels]
                y.append(torch.from_numpy(dataset.samples.labels()))
                weight.append(torch.ones(len(dataset)) if dataset.weight is None else dataset.weight)
        self.begins = [begins[id(dataset.samples)] for dataset in datasets]
        self.X, self.y, self.weight = (torch.cat(tensors).to(device) for tensors in (X, y, weight))
        self.rows = torch.cat(rows).to(device) if rows else None

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None, Tensor, Tensor]]:
        """Yield samples (m, n, features), rows of tables, classes (m, n), and weights in the loss (m, n).

        The rows have the shape (m, n, n_categories); they are None where there are no categories.
        """
        rows = [
            batches.order()[places] + begin
            for batches, places, begin in zip(self.batches, self.places, self.begins, strict=True)
        ]
        for chosen, share in zip(torch.stack(rows, dim=1).to(self.X.device), self.shares, strict=True):
            levels = None if self.rows is None else self.rows[chosen]
            yield self.X[chosen], levels, self.y[chosen], share * self.weight[chosen]


def _prepared(network: Network, dataset: TensorData) -> tuple[Tensor, Tensor | None]:
    """Prepare all samples as the network does, in blocks of bounded size."""
    device = next(network.parameters()).device
    step = rows_of_bytes(dataset.samples.X.shape)
    blocks = [dataset.gather(indices)[0] for indices in torch.arange(len(dataset)).split(step)]
    numbers, rows = zip(*(network.prepare(block.to(device)) for block in blocks), strict=True)
    levels = [part for part in rows if part is not None]
    return torch.cat(numbers), torch.cat(levels) if levels else None

"""The contract of a search space."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sklearn.base import clone

from skopdist.architecture import Architecture
from skopdist.distribution import OperationDistribution
from skopdist.encodings import AdjacencyEncoding, HybridEncoding
from skopdist.networks import Network
from skopdist.operations import is_zero
from skopdist.spaces import SearchSpace
from skopdist.testing._parts import check_parameters, check_refuses, draw_distribution

# Small and with odd sides, by the number of spatial dimensions.
_INPUT_SHAPES: dict[int, tuple[int, ...]] = {0: (5,), 1: (2, 9), 2: (2, 7, 5)}
_N_CLASSES = 3


def check_space(space: SearchSpace, lengths: Iterable[int] = range(1, 41), random_state: int = 0) -> None:
    """Check that a search space samples, encodes, builds, names sound references and is an honest set of parameters.

    Parameters
    ----------
    space : SearchSpace
    lengths : iterable of int, default=range(1, 41)
        The lengths of cells to try.
    random_state : int, default=0

    Raises
    ------
    AssertionError
        If the space breaks the contract.

    Examples
    --------
    >>> from skopdist.spaces import DenseSpace
    >>> from skopdist.testing import check_space
    >>> check_space(DenseSpace(), lengths=[1, 2, 6, 7])
    """
    check_parameters(space)
    names, cell_types = space.operation_names, space.cell_types
    assert space.n_spatial in _INPUT_SHAPES, f"n_spatial must be 0, 1 or 2, got {space.n_spatial!r}."
    uniform = space.uniform()
    assert (uniform.operations, uniform.cell_types) == (names, cell_types), (
        f"uniform() must be a distribution over {names} and {cell_types}, got {uniform!r}."
    )
    rng = np.random.default_rng(random_state)
    assert space.sample(uniform, random_state=rng).length == space.default_length
    check_refuses(lambda: space.sample(uniform, 0, rng), "sample() with a length of 0")
    foreign = OperationDistribution(["an operation of no space"], [1.0])
    check_refuses(lambda: space.sample(foreign, 3, rng), "sample() with the distribution of another space")
    for length in lengths:
        drawn = draw_distribution(space, rng)
        for distribution in (uniform, drawn):
            _check_samples(space, distribution, length, int(rng.integers(2**31)))
        _check_builds(space, space.sample(drawn, length, rng), rng)
        _check_references(space, length)


def _check_samples(space: SearchSpace, distribution: OperationDistribution, length: int, seed: int) -> None:
    where = f"{type(space).__name__}.sample(..., length={length})"
    architecture = space.sample(distribution, length, seed)
    again = space.sample(distribution, length, seed)
    assert architecture == again, f"{where} gave {architecture} and {again} for the same random_state."
    assert hash(architecture) == hash(again), f"{where}: equal architectures have different hashes."
    assert architecture.cell_types == space.cell_types, f"{where} gave the cell types {architecture.cell_types}."
    assert architecture.length == length, f"{where} gave a cell of length {architecture.length}: {architecture}."
    kinds = space.kinds(length)
    for kind, cell in zip(kinds, architecture.cells, strict=True):
        assert set(cell.operations) <= set(kind.operations), f"{where} gave a {kind.cell_type} with {cell.operations}."
        if kind.is_stem:
            assert cell == space.make_stem(*cell.operations), f"{where} gave the stem {cell}."
            continue
        assert len(cell.operations) == length, f"{where} gave a cell of length {len(cell.operations)}: {cell}."
        assert space.is_wiring(cell.edges, length), f"{where} gave {cell.edges}, which is_wiring() refuses."
        positions = {edge: i for i, edge in enumerate(space.potential_edges(length))}
        order = [positions[edge] for edge in cell.edges]
        assert order == sorted(order), f"{where} gave edges that are not in the order of potential_edges(): {cell}."
        assert not space.is_wiring(cell.edges[:-1], length), f"is_wiring() takes {length - 1} edges for {length}."
        links, fixed = space.potential_links(length), space.fixed_links(length)
        drawn = tuple(link for link in cell.links if link not in fixed)
        assert space.are_links(drawn, length), f"{where} gave the links {drawn}, which are_links() refuses."
        assert drawn == tuple(link for link in links if link in drawn), (
            f"{where} gave links that are not in the order of potential_links(): {cell}."
        )
        assert cell == space.make_cell(cell.operations, cell.edges, drawn), f"make_cell() makes {cell} another one."
    counts = np.array(architecture.counts(space.operation_names))
    lengths = np.array([[kind.length] for kind in kinds])
    assert (counts.sum(axis=1) == lengths[:, 0]).all(), (
        f"{where} gave operations that are not in the space: {architecture}."
    )
    encoded = space.encode(architecture)
    assert np.allclose(encoded.probabilities, counts / lengths, rtol=0, atol=1e-12), (
        f"encode() must give the ratio of operations {(counts / lengths).tolist()}, got {encoded!r} for {architecture}."
    )
    restored = Architecture.from_json(architecture.to_json())
    assert restored == architecture, f"JSON turned {architecture} into {restored}."
    passing = [not is_zero(name) for name in space.operation_names]
    if (counts[:, passing].sum(axis=1) == lengths[:, 0]).all():
        assert space.is_valid(architecture), f"is_valid() refuses {architecture}, none of whose operations is zero."
    if not passing[0] and not (counts[:, passing].any(axis=1)).all():
        assert not space.is_valid(architecture), f"is_valid() takes {architecture}, through which nothing passes."


def _check_references(space: SearchSpace, length: int) -> None:
    where = f"{type(space).__name__}.reference_architectures({length})"
    architectures = space.reference_architectures(length)
    assert isinstance(architectures, tuple), f"{where} must give a tuple, got {architectures!r}."
    assert architectures == space.reference_architectures(length), f"{where} gave others when it was called again."
    assert architectures == clone(space).reference_architectures(length), f"{where} gave others for a clone."
    assert len(set(architectures)) == len(architectures), f"{where} repeats an architecture: {architectures}."
    for architecture in architectures:
        assert isinstance(architecture, Architecture), f"{where} gave {architecture!r}, which is no Architecture."
        assert architecture.length == length, f"{where} gave {architecture}, of length {architecture.length}."
        assert space.is_valid(architecture), f"{where} gave {architecture}, which has no path."
        for encoding in (HybridEncoding().bind(space, length), AdjacencyEncoding().bind(space, length)):
            decoded = encoding.decode(encoding.encode(architecture), 0)
            assert decoded == architecture, f"{where} gave {architecture}, which {encoding!r} turns into {decoded}."


def _check_builds(space: SearchSpace, architecture: Architecture, rng: np.random.Generator) -> None:
    shape = _INPUT_SHAPES[space.n_spatial]
    network = Network(architecture, shape, _N_CLASSES, channels=4, n_cells=2)
    weights = list(network.parameters())
    # Tensors are made from those of the module, for this file does without torch.
    batch = weights[-1].new_tensor(rng.normal(size=(4, *shape)))
    logits = network(batch)
    assert tuple(logits.shape) == (4, _N_CLASSES), f"{architecture} gave logits of shape {tuple(logits.shape)}."
    assert bool(logits.isfinite().all()), f"{architecture} gave logits that are not finite."
    logits.square().sum().backward()
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    assert gradients, f"{architecture}: no weight has a gradient."
    assert all(bool(gradient.isfinite().all()) for gradient in gradients), f"{architecture}: a gradient is not finite."
    if space.is_valid(architecture):
        # The stem's weights come first.
        assert weights[0].grad is not None, f"{architecture} is valid, but its stem has no gradient."

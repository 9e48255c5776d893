"""The abstract search space: which operations there are, and how a cell is wired."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skopdist._parameters import HasParameters
from skopdist._random import RandomState, as_generator
from skopdist._scalar import Scalar
from skopdist._validation import check_names
from skopdist.architecture import Architecture, Cell, Edge
from skopdist.distribution import OperationDistribution, check_length, sample_counts
from skopdist.operations import get_operation, is_zero
from skopdist.spaces._drawing import draw_cell, draw_edges

# The type of the cell that stands in the place of the stem, and the one slot that such a cell has.
STEM = "stem"
# In other layouts the stem is the network's own.
_LAYOUTS_WITH_STEMS = ("stack", "halved_stack")
_STEM_EDGES: tuple[Edge, ...] = ((0, 1),)


class CellKind(NamedTuple):
    """The parts that cells of one type are made of.

    Attributes
    ----------
    cell_type : str
    operations : tuple of str
        Those that may stand in it.
    length : int
        Number of operations in it.
    edges, links : tuple of (int, int)
        The potential ones.
    is_stem : bool
    """

    cell_type: str
    operations: tuple[str, ...]
    length: int
    edges: tuple[Edge, ...]
    links: tuple[Edge, ...]

    @property
    def is_stem(self) -> bool:
        return self.cell_type == STEM


class SearchSpace(HasParameters, ABC):
    """Candidate operations and the wirings that a cell of a given length may have.

    A new space states its operations, default length and input dimensions as class attributes, and must implement one
    method, ``_potential_edges``. Where not every choice of these edges is a wiring, or cells have links, it implements
    ``_is_wiring``, ``_potential_links``, ``_are_links`` and ``_fixed_links`` too. Where hardly any choice is a wiring,
    ``_sample_wiring`` and ``_sample_links`` draw them faster than the defaults do. ``_references`` may name
    architectures that are known to be good. ``skopdist.testing.check_space`` is the contract that a new space has to
    meet.

    Parameters
    ----------
    operations : sequence of str or None, default=None
        Names of registered operations; None takes ``default_operations``.
    references : sequence of Architecture or None, default=None
        Architectures that :meth:`reference_architectures` returns. None takes those that the space names; an empty
        sequence leaves them out, as for the study of strategies.
    stems : sequence of str or None, default=None
        Names of registered operations by which the input may enter the network. An architecture has one of them, in a
        cell of the type "stem" with a single slot, and a distribution holds their probabilities in a row of its own.
        None takes ``default_stems``. Without any, all architectures have the stem of their layout.
    scalars : sequence of Scalar, default=()
        Numbers that are searched with the operations, such as a width or a learning rate. An architecture carries the
        values among its ``settings``. The evaluator says which ones it can apply.

    Attributes
    ----------
    default_operations : tuple of str
    default_stems : tuple of str
    default_length : int
        Number of operations in a cell unless told otherwise.
    n_spatial : int
        Number of dimensions behind the channels of a sample: 2 for images, 1 for series, 0 for flat input.
    body_types : tuple of str
        The types of the cells of which a network is made behind its stem.
    layout : str
        The layout by which a network is made of the cells; see :mod:`skopdist.networks`.
    n_inputs : int
        Number of inputs of a cell.

    See Also
    --------
    skopdist.operations.register_operation : Make another operation.
    skopdist.encodings.Encoding : Coordinates on the architectures of a space.
    """

    default_operations: ClassVar[tuple[str, ...]]
    default_stems: ClassVar[tuple[str, ...]] = ()
    default_length: ClassVar[int]
    n_spatial: ClassVar[int]
    body_types: ClassVar[tuple[str, ...]] = ("cell",)
    layout: ClassVar[str] = "stack"
    n_inputs: ClassVar[int] = 1
    # The most reference architectures; each costs a search a trial.
    _n_references: ClassVar[int] = 3
    # Left out of the identity of a search where they are empty: older journals know nothing of them.
    _added_parameters: ClassVar[tuple[str, ...]] = ("scalars",)

    def __init__(
        self,
        operations: Sequence[str] | None = None,
        references: Sequence[Architecture] | None = None,
        stems: Sequence[str] | None = None,
        scalars: Sequence[Scalar] = (),
    ) -> None:
        self.operations = operations
        self.references = references
        self.stems = stems
        self.scalars = scalars

    @abstractmethod
    def _potential_edges(self, length: int) -> tuple[Edge, ...]:
        """List every edge that some wiring of `length` edges has, sorted by target, then source."""

    def _is_wiring(self, edges: frozenset[Edge], length: int) -> bool:
        """Whether a set of `length` potential edges is one of the wirings; by default every such set is."""
        return True

    def _sample_wiring(self, length: int, rng: np.random.Generator) -> tuple[Edge, ...]:
        """Draw one of the wirings with equal probability, in the order of the potential edges.

        By default edges are drawn at random until they are a wiring, which takes long where hardly any are.
        """
        edges = self._potential_edges(length)
        if len(edges) == length:
            return edges
        return draw_edges(
            lambda: [edges[i] for i in np.sort(rng.choice(len(edges), length, replace=False))],
            lambda drawn: self._is_wiring(drawn, length),
            type(self).__name__,
            "_sample_wiring",
        )

    def _potential_links(self, length: int) -> tuple[Edge, ...]:
        """List every link that some cells of `length` operations have and others have not, sorted likewise.

        By default there are none.
        """
        return ()

    def _are_links(self, links: frozenset[Edge], length: int) -> bool:
        """Whether a cell may have this set of potential links; by default it may have any."""
        return True

    def _sample_links(self, length: int, rng: np.random.Generator) -> tuple[Edge, ...]:
        """Draw one of the sets of potential links with equal probability, in their order.

        By default each link is drawn at random until a cell may have them, which takes long where hardly any will do.
        """
        links = self._potential_links(length)
        if not links:
            return ()
        return draw_edges(
            lambda: [links[i] for i in np.flatnonzero(rng.integers(2, size=len(links)))],
            lambda drawn: self._are_links(drawn, length),
            type(self).__name__,
            "_sample_links",
        )

    def _fixed_links(self, edges: Sequence[Edge]) -> tuple[Edge, ...]:
        """List the links that every cell with these edges has; by default there are none."""
        return ()

    def _references(self, length: int) -> Sequence[Architecture]:
        """List architectures of `length` that are known to be good, the best first; by default there are none.

        The same ones each time. Those with operations that this space lacks, or otherwise not of it, are left out.
        """
        return ()

    @property
    def operation_names(self) -> tuple[str, ...]:
        """Names of the k candidate operations: first those of the cells, then the stems.

        Raises
        ------
        ValueError
            If a name is unknown, repeats or belongs to an operation for other inputs, or one that is no stem is named
            as a stem or the other way round.
        """
        return self._body_operations + self._stem_operations

    @property
    def _body_operations(self) -> tuple[str, ...]:
        names = self.default_operations if self.operations is None else check_names("operations", self.operations)
        _check_names(names, self.n_spatial, type(self).__name__)
        return names

    @property
    def _stem_operations(self) -> tuple[str, ...]:
        # A space with a constructor of its own may know of no such parameter.
        given: Sequence[str] | None = getattr(self, "stems", None)
        names = self.default_stems if given is None else check_names("stems", given)
        if names:
            _check_names(names, self.n_spatial, type(self).__name__, are_stems=True)
            if self.layout not in _LAYOUTS_WITH_STEMS:
                raise ValueError(
                    f"{type(self).__name__} makes networks of the layout {self.layout!r}, which has a stem of its own; "
                    f"stems must be None or empty, got {given!r}."
                )
        return names

    @property
    def scalar_ranges(self) -> tuple[Scalar, ...]:
        """The scalars, in the order of their names.

        Raises
        ------
        TypeError
            If one of ``scalars`` is no :class:`~skopdist.Scalar`.
        ValueError
            If a name repeats.
        """
        # A space with a constructor of its own may know of no such parameter.
        given: Sequence[Scalar] = getattr(self, "scalars", ())
        for scalar in given:
            if not isinstance(scalar, Scalar):
                raise TypeError(f"scalars must be instances of Scalar, got {scalar!r}.")
        names = [scalar.name for scalar in given]
        if len(set(names)) < len(names):
            raise ValueError(f"scalars must have distinct names, got {names}.")
        return tuple(sorted(given, key=lambda scalar: scalar.name))

    def without_scalars(self) -> Self:
        """Return this space itself, or a copy without its scalars, whose architectures have no settings."""
        return clone(self).set_params(scalars=()) if self.scalar_ranges else self

    @property
    def cell_types(self) -> tuple[str, ...]:
        """The types of the cells of an architecture: those of the body, and "stem" where there are stems."""
        return self.body_types + ((STEM,) if self._stem_operations else ())

    def kinds(self, length: int) -> tuple[CellKind, ...]:
        """Return what the cells of each type are made of, in the order of ``cell_types``.

        Parameters
        ----------
        length : int
            Number of operations in a cell of the body. A stem has one.
        """
        check_length(length)
        edges, links = self._potential_edges(int(length)), self._potential_links(int(length))
        body, stems = self._body_operations, self._stem_operations
        kinds = [CellKind(cell_type, body, int(length), edges, links) for cell_type in self.body_types]
        return (*kinds, CellKind(STEM, stems, 1, _STEM_EDGES, ())) if stems else tuple(kinds)

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """Which of the operations may stand in the cells of each type, shape (n_cell_types, k)."""
        return _allowed(len(self._body_operations), len(self._stem_operations), len(self.body_types)).copy()

    def potential_edges(self, length: int) -> tuple[Edge, ...]:
        """List every edge that some wiring of `length` operations has, sorted by target, then source."""
        check_length(length)
        return self._potential_edges(int(length))

    def potential_links(self, length: int) -> tuple[Edge, ...]:
        """List every link that some cells of `length` operations have and others have not, sorted by target."""
        check_length(length)
        return self._potential_links(int(length))

    def fixed_links(self, length: int) -> tuple[Edge, ...]:
        """List the links that every cell of `length` operations has."""
        return self._fixed_links(self.potential_edges(length))

    def are_links(self, links: Sequence[Edge], length: int) -> bool:
        """Whether a cell of `length` operations may have `links` and none of the other potential ones."""
        check_length(length)
        chosen = frozenset(links)
        return (
            len(links) == len(chosen)
            and chosen <= set(self._potential_links(length))
            and self._are_links(chosen, length)
        )

    def make_cell(self, operations: Sequence[str], edges: Sequence[Edge], links: Sequence[Edge] = ()) -> Cell:
        """Make a cell of the body from operations on potential edges and from potential links."""
        return Cell(tuple(operations), tuple(edges), (*links, *self._fixed_links(edges)), self.n_inputs)

    def make_stem(self, operation: str) -> Cell:
        """Make the cell in the place of the stem."""
        return Cell((operation,), _STEM_EDGES)

    def make_whole(self, length: int) -> Architecture:
        """Make the cells that hold all potential edges and links at once, for a supernet.

        The operations at their slots have no meaning.
        """
        check_length(length)
        edges, links = self._potential_edges(length), self._potential_links(length)
        # What passes nothing on would take the slots off the paths.
        name = next((name for name in self._body_operations if not is_zero(name)), self._body_operations[0])
        cells = [self.make_cell([name] * len(edges), edges, links)] * len(self.body_types)
        # What stands behind a stem that summarizes is smaller than what the others need.
        stems = sorted(self._stem_operations, key=lambda name: get_operation(name).summarizes)
        return self.make_architecture([*cells, *map(self.make_stem, stems[:1])])

    def make_architecture(self, cells: Sequence[Cell]) -> Architecture:
        """Make an architecture of this space from one cell for each cell type.

        The stem may be left out; then it is the first one of the space. Scalars have their usual values.
        """
        stems = self._stem_operations
        if stems and len(cells) == len(self.body_types):
            cells = [*cells, self.make_stem(stems[0])]
        return Architecture(tuple(cells), self.cell_types, self.layout, self._usual_settings)

    def is_wiring(self, edges: Sequence[Edge], length: int) -> bool:
        """Whether `edges` is a way in which a cell of `length` operations may be wired."""
        check_length(length)
        chosen = frozenset(edges)
        return (
            len(edges) == len(chosen) == length
            and chosen <= set(self._potential_edges(length))
            and self._is_wiring(chosen, length)
        )

    def sample_wiring(self, length: int, random_state: RandomState = None) -> tuple[Edge, ...]:
        """Draw one of the wirings with equal probability, in the order of the potential edges."""
        check_length(length)
        return self._sample_wiring(int(length), as_generator(random_state))

    def sample_links(self, length: int, random_state: RandomState = None) -> tuple[Edge, ...]:
        """Draw one of the sets of potential links with equal probability, in their order."""
        check_length(length)
        return self._sample_links(int(length), as_generator(random_state))

    def is_valid(self, architecture: Architecture) -> bool:
        """Whether every cell has a path from its input to its output."""
        return all(cell.live_slots(is_zero) for cell in architecture.cells)

    def reference_architectures(self, length: int | None = None) -> tuple[Architecture, ...]:
        """Return a few architectures that are known to be good, which a search does well to ask first.

        They depend on nothing but the space and the length.

        Parameters
        ----------
        length : int or None, default=None
            Number of operations in a cell; None takes ``default_length``.

        Returns
        -------
        architectures : tuple of Architecture
            Distinct and valid, the best first. Of those that the space names, the first three whose operations are all
            among ``operation_names``; there may be none. Of ``references``, where they were given, all of this length:
            the same space serves cells of other lengths, too.

        Raises
        ------
        TypeError
            If one of ``references`` is no :class:`~skopdist.Architecture`.
        ValueError
            If one of them is not of this space or has no path from input to output, or `length` is not a positive
            integer.

        Examples
        --------
        >>> from skopdist.spaces import NASBench201Space
        >>> NASBench201Space().reference_architectures(length=3)[0]
        Architecture(nor_conv_3x3 0>1 | skip_connect 0>2, nor_conv_3x3 1>2)
        >>> NASBench201Space(references=[]).reference_architectures(length=3)
        ()
        """
        length = self.default_length if length is None else length
        check_length(length)
        # A space with a constructor of its own may know of no such parameter.
        given: Sequence[Architecture] | None = getattr(self, "references", None)
        if given is None:
            named = map(self._completed, self._references(int(length)))
            known, limit = [found for found in named if not self._objection(found)], self._n_references
        else:
            for architecture in given:
                self._check_reference(architecture)
            known, limit = list(map(self._completed, given)), len(given)
        return tuple(dict.fromkeys(found for found in known if found.length == length))[:limit]

    def sample(
        self,
        distribution: OperationDistribution,
        length: int | None = None,
        random_state: RandomState = None,
        method: str = "systematic",
    ) -> Architecture:
        """Draw an architecture: counts from the distribution, a random wiring, a random placement.

        A draw without a path from input to output is repeated, first with other placements of the same counts, then
        with other counts. Where the distribution allows nothing else, the invalid architecture is returned; see
        :meth:`is_valid`.

        Parameters
        ----------
        distribution : OperationDistribution
            Over the operations and cell types of this space; see :meth:`feasible`.
        length : int or None, default=None
            Number of operations in a cell, any integer >= 1; None takes ``default_length``.
        random_state : int, Generator, RandomState or None, default=None
        method : {"systematic", "multinomial"}, default="systematic"
            See :meth:`OperationDistribution.sample`.

        Returns
        -------
        architecture : Architecture

        Raises
        ------
        ValueError
            If the distribution is one over other operations, or `length` is not a positive integer.
        """
        length = self.default_length if length is None else length
        check_length(length)
        distribution = self.feasible(distribution)
        rng = as_generator(random_state)
        names, n = self._body_operations, int(length)

        def make(operations: tuple[str, ...]) -> Cell:
            return self.make_cell(operations, self._sample_wiring(n, rng), self._sample_links(n, rng))

        cells = [
            self.make_stem(self.operation_names[int(np.argmax(sample_counts(p, 1, rng, method)))])
            if kind.is_stem
            else draw_cell(make, names, p[: len(names)], n, rng, method)
            for kind, p in zip(self.kinds(length), distribution.probabilities, strict=True)
        ]
        return self.make_architecture(cells)

    def encode(self, architecture: Architecture) -> OperationDistribution:
        """Return the ratio of operations, n_i / N by cell type.

        Raises
        ------
        ValueError
            If the architecture has other operations or cell types than this space.
        """
        self.check_architecture(architecture)
        names = self.operation_names
        return OperationDistribution.from_counts(names, architecture.counts(names), self.cell_types)

    def uniform(self) -> OperationDistribution:
        """Return the distribution in which all operations that a cell type allows are equally likely."""
        return OperationDistribution.from_counts(self.operation_names, self.allowed, self.cell_types)

    def check_distribution(self, distribution: OperationDistribution) -> None:
        """Refuse a distribution over other operations or cell types."""
        expected = (self.operation_names, self.cell_types)
        if (distribution.operations, distribution.cell_types) != expected:
            raise ValueError(
                f"{type(self).__name__} expects a distribution over the operations {expected[0]} and the cell types "
                f"{expected[1]}; got one over {distribution.operations} and {distribution.cell_types}."
            )

    def feasible(self, distribution: OperationDistribution) -> OperationDistribution:
        """Take away what a cell type does not allow, such as a share of stems in a cell, and scale up the rest.

        Raises
        ------
        ValueError
            If the distribution is one over other operations, or leaves nothing for a cell type.
        """
        self.check_distribution(distribution)
        allowed = self.allowed
        if not distribution.probabilities[~allowed].any():
            return distribution
        rows = np.where(allowed, distribution.probabilities, 0.0)
        for kind, row in zip(self.kinds(1), rows, strict=True):
            if not row.any():
                raise ValueError(
                    f"{type(self).__name__} expects a distribution with a share of at least one of the operations "
                    f"{kind.operations} in the cell type {kind.cell_type!r}, got {distribution!r}."
                )
        return OperationDistribution.from_counts(self.operation_names, rows, self.cell_types)

    def check_architecture(self, architecture: Architecture) -> None:
        """Refuse an architecture with other operations, cell types or settings."""
        names = self.operation_names
        unknown = sorted(set(architecture.operations) - set(names))
        if not unknown and architecture.cell_types == self.cell_types:
            stems = set(self._stem_operations)
            for cell_type, cell in zip(self.cell_types, architecture.cells, strict=True):
                unknown += [name for name in cell.operations if (name in stems) != (cell_type == STEM)]
        if unknown or architecture.cell_types != self.cell_types:
            raise ValueError(
                f"{type(self).__name__} expects the operations {names} and the cell types {self.cell_types}; "
                f"got an architecture with the cell types {architecture.cell_types} and the unknown operations "
                f"{unknown}."
            )
        expected = [scalar.name for scalar in self.scalar_ranges]
        if [name for name, _ in architecture.settings] != expected:
            raise ValueError(
                f"{type(self).__name__} expects architectures with the settings {expected}, those of its scalars; got "
                f"{dict(architecture.settings)}."
            )

    def _completed(self, architecture: Architecture) -> Architecture:
        """Return an architecture, with the usual settings if it has none."""
        return architecture if architecture.settings else replace(architecture, settings=self._usual_settings)

    @property
    def _usual_settings(self) -> tuple[tuple[str, float], ...]:
        return tuple((scalar.name, scalar.usual) for scalar in self.scalar_ranges)

    def _check_reference(self, architecture: Architecture) -> None:
        if not isinstance(architecture, Architecture):
            raise TypeError(f"references must be instances of Architecture, got {architecture!r}.")
        objection = self._objection(self._completed(architecture))
        if objection:
            raise ValueError(
                f"{type(self).__name__} cannot take {architecture} as a reference: {objection} Leave it out of "
                "references, or make it with make_cell and make_architecture of this space."
            )

    def _objection(self, architecture: Architecture) -> str:
        """Say why an architecture is none of this space that can be trained; nothing if it is one."""
        try:
            self.check_architecture(architecture)
            for scalar, (_, value) in zip(self.scalar_ranges, architecture.settings, strict=True):
                scalar.check(value)
        except ValueError as error:
            return str(error)
        if architecture.layout != self.layout:
            return f"its layout is {architecture.layout!r}, not {self.layout!r}."
        for kind, cell in zip(self.kinds(architecture.length), architecture.cells, strict=True):
            if kind.is_stem:
                if cell != self.make_stem(cell.operations[0]):
                    return "its stem is no cell of one operation from node 0 to node 1."
                continue
            length, fixed = architecture.length, self._fixed_links(cell.edges)
            links = [link for link in cell.links if link not in fixed]
            if not (self.is_wiring(cell.edges, length) and self.are_links(links, length)):
                return "its wiring is none of this space."
            # The slots of a point are in this order.
            edges = [edge for edge in self.potential_edges(length) if edge in cell.edges]
            links = [link for link in self.potential_links(length) if link in links]
            if cell.edges != tuple(edges) or cell != self.make_cell(cell.operations, edges, links):
                return "its edges and links are not in the order of potential_edges() and potential_links()."
        return "" if self.is_valid(architecture) else "it has no path from its input to its output."


# Everything asks for the names, in each trial.
@lru_cache(maxsize=1024)
def _check_names(names: tuple[str, ...], n_spatial: int, space: str, are_stems: bool = False) -> None:
    """Raise an error unless the names are those of operations for a space, or of its stems."""
    what = "stems" if are_stems else "operations"
    if len(names) < 1 or len(set(names)) < len(names):
        raise ValueError(f"{what} must be distinct names, at least one; got {names}.")
    for name in names:
        operation = get_operation(name)
        if not operation.fits(n_spatial):
            raise ValueError(
                f"{space} needs {what} for {n_spatial} spatial dimensions; {name!r} is one for {operation.n_spatial}."
            )
        if operation.is_stem != are_stems:
            raise ValueError(
                f"{space} was given {name!r} among its {what}, but it is {'no' if are_stems else 'a'} stem; name it "
                f"in {'operations' if are_stems else 'stems'} instead."
            )


@lru_cache(maxsize=128)
def _allowed(n_body: int, n_stems: int, n_types: int) -> NDArray[np.bool_]:
    allowed = np.zeros((n_types + (n_stems > 0), n_body + n_stems), dtype=bool)
    allowed[:n_types, :n_body] = True
    allowed[n_types:, n_body:] = True
    return allowed

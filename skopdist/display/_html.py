"""A fitted estimator as a part of a notebook's page."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from html import escape
from typing import Any

from skopdist.architecture import Architecture
from skopdist.display._cost_picture import costs_of
from skopdist.display._drawing import GREY, LETTER, Drawing, colors_of, shortened, shown_operations, title_of
from skopdist.display._text import describe, rank
from skopdist.distribution import OperationDistribution
from skopdist.trial import Trial

_MOST_CLASSES, _LONGEST_LABEL, _ROWS = 10, 30, 10
# Text and lines have the colour of the text around them, which a light page has dark, and a dark one light.
_STYLE = """<style>
.skopdist-fit { font-size: 0.9em; line-height: 1.5; margin: 0.6em 0; max-width: 72em; }
.skopdist-fit dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1.2em; margin: 0 0 0.6em 0; }
.skopdist-fit dt { opacity: 0.7; font-weight: normal; margin: 0; padding: 0; }
.skopdist-fit dd { margin: 0; padding: 0; overflow-wrap: anywhere; }
.skopdist-fit .skopdist-parts { display: flex; flex-wrap: wrap; gap: 0.6em 2.5em; align-items: flex-start; }
.skopdist-fit .skopdist-bars { display: grid; grid-template-columns: max-content 10em max-content; gap: 0 0.7em; }
.skopdist-fit .skopdist-track { align-self: center; height: 0.7em; border-radius: 2px; overflow: hidden;
  box-shadow: inset 0 0 0 1px rgba(128, 128, 128, 0.35); }
.skopdist-fit .skopdist-bar { display: block; height: 100%; }
.skopdist-fit .skopdist-graph { max-width: 100%; overflow-x: auto; }
.skopdist-fit .skopdist-name { opacity: 0.7; margin-bottom: 0.2em; }
.skopdist-fit svg { display: block; font-family: inherit; }
.skopdist-fit details { margin-top: 0.5em; }
.skopdist-fit summary { cursor: pointer; }
.skopdist-fit table { border-collapse: collapse; margin: 0.3em 0; background: none; color: inherit; }
.skopdist-fit tr { background: none; }
.skopdist-fit th, .skopdist-fit td { text-align: left; padding: 0.1em 1em 0.1em 0; background: none; border: none;
  color: inherit; font-variant-numeric: tabular-nums; }
.skopdist-fit th { font-weight: normal; opacity: 0.7; }
</style>"""


def estimator_html(estimator: Any) -> str:
    """Return what a fitted estimator has found, as HTML; an empty text for one that is not fitted.

    It stands below scikit-learn's own representation, which has the parameters: the classes and the shape of the data,
    the score and its error, the distribution as bars, the cell as a graph, size and cost, seconds, and the leaderboard,
    folded away. Whatever comes from the data or from a user is escaped. Colours suit light pages and dark ones.

    Parameters
    ----------
    estimator : OpDistNASClassifier

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skopdist import OpDistNASClassifier
    >>> clf = OpDistNASClassifier(n_trials=1, max_epochs=1, n_cells=1, channels=8, random_state=0)
    >>> estimator_html(clf)
    ''
    >>> page = estimator_html(clf.fit(*load_iris(return_X_y=True)))
    >>> page.startswith("<div class='skopdist-fit'>"), "<svg" in page, "<details>" in page
    (True, True, True)
    """
    if not hasattr(estimator, "best_architecture_"):
        return ""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in _facts(estimator))
    distribution: OperationDistribution = estimator.best_distribution_
    architecture: Architecture = estimator.best_architecture_
    colors = colors_of((*distribution.operations, *architecture.operations))
    parts = [
        _part("Best distribution", title_of(distribution.cell_types, i), text)
        for i, text in _bars(distribution, colors)
    ]
    parts += [
        _part("Best cell", title_of(architecture.cell_types, i), text) for i, text in _graphs(architecture, colors)
    ]
    return (
        f"<div class='skopdist-fit'>{_STYLE}<dl>{facts}</dl>"
        f"<div class='skopdist-parts'>{''.join(parts)}</div>{_leaderboard(estimator.trials_)}</div>"
    )


def cell_svg(drawing: Drawing, colors: dict[str, str]) -> str:
    """Return a laid-out cell as SVG, whose text and nodes have the colour of the text around it."""
    pad = 3.0
    width, height = drawing.width + 2 * pad, drawing.above + drawing.below + 2 * pad
    line = pad + drawing.above
    curves, names, gaps = [], [], []
    for arc in drawing.arcs:
        middle = pad + (arc.start + arc.end) / 2
        # The control point of a parabola lies twice as high as its top.
        top = f"{middle:.1f} {line - 2 * arc.rise:.1f}"
        curve = f"M{pad + arc.start:.1f} {line:.1f}Q{top} {pad + arc.end:.1f} {line:.1f}"
        color = colors[arc.operation] if arc.operation else "currentColor"
        faint = "" if arc.operation and arc.is_used else " opacity='0.45'"
        dashes = " stroke-dasharray='2 4'" if color == GREY else ""
        style = f"stroke='{color}' stroke-width='{2.5 if arc.operation else 1.2}'{dashes}{faint}"
        curves.append(f"<path d='{curve}' fill='none' {style}><title>{escape(arc.operation) or 'link'}</title></path>")
        if arc.operation and drawing.has_names:
            name, base = shortened(arc.operation), line - arc.rise - 4
            half = 0.5 * LETTER * len(name)
            gaps.append(
                f"<rect x='{middle - half:.1f}' y='{base - 9:.1f}' width='{2 * half:.1f}' height='11' fill='black'/>"
            )
            shade = "" if arc.is_used else " opacity='0.6'"
            names.append(
                f"<text x='{middle:.1f}' y='{base:.1f}' text-anchor='middle' font-size='10.5' "
                f"fill='currentColor'{shade}>{escape(name)}</text>"
            )
    nodes = [
        # Grey and half transparent: light on a light page and dark on a dark one.
        f"<circle cx='{pad + place:.1f}' cy='{line:.1f}' r='{drawing.radius:.0f}' fill='#808080' fill-opacity='0.25' "
        f"stroke='currentColor' stroke-opacity='0.6'/><text x='{pad + place:.1f}' y='{line:.1f}' text-anchor='middle' "
        f"dominant-baseline='central' font-size='{10 if drawing.has_names else 8}' fill='currentColor'>{name}</text>"
        for place, name in drawing.nodes
    ]
    # Lines have gaps behind names and nodes. A halo would need the colour of the page.
    gaps += [
        f"<circle cx='{pad + place:.1f}' cy='{line:.1f}' r='{drawing.radius:.0f}' fill='black'/>"
        for place, _ in drawing.nodes
    ]
    cut = f"<rect width='{width:.1f}' height='{height:.1f}' fill='white'/>{''.join(gaps)}"
    # Equal pictures on a page may share it.
    mask = f"skopdist-mask-{zlib.crc32(cut.encode()):08x}"
    size = f"width='{width:.1f}' height='{height:.1f}'"
    return (
        f"<svg {size} viewBox='0 0 {width:.1f} {height:.1f}' role='img'>"
        f"<mask id='{mask}' maskUnits='userSpaceOnUse' x='0' y='0' {size}>{cut}</mask>"
        f"<g mask='url(#{mask})'>{''.join(curves)}</g>{''.join(names)}{''.join(nodes)}</svg>"
    )


def _facts(estimator: Any) -> list[tuple[str, str]]:
    """Return pairs of a name and a text, which are not escaped yet."""
    scoring = estimator.scoring
    score = "accuracy" if scoring is None else scoring if isinstance(scoring, str) else "score"
    value, error = estimator.best_score_, estimator.best_score_error_
    shown = f"{value:.4f}" + (f" ± {error:.4f}" if math.isfinite(error) else "")
    several = len(getattr(estimator, "nets_", ())) > 1
    where = "out-of-fold" if several else "the best of all trials, on held-out rows"
    facts = [
        ("classes", _classes(estimator.classes_)),
        ("samples", _shape(estimator.sample_shape_)),
        (score, f"{shown}  ({where})"),
    ]
    size = _size(estimator)
    if size:
        facts.append(("networks" if several else "network", size))
    finals = sum(trial.final for trial in estimator.trials_)
    n = len(estimator.trials_) - finals
    failed = sum(not trial.succeeded for trial in estimator.trials_)
    seconds = getattr(estimator, "fit_time_", math.nan)
    counted = f"{n} trial{'s' * (n != 1)}" + (f", {failed} failed" if failed else "")
    facts.append(
        (
            "time",
            (f"{seconds:.1f} s, " if math.isfinite(seconds) else "") + f"{counted}, ended by {estimator.stop_reason_}",
        )
    )
    return facts


def _classes(classes: Sequence[Any]) -> str:
    labels = [shortened(str(label), _LONGEST_LABEL) for label in classes[:_MOST_CLASSES]]
    rest = len(classes) - len(labels)
    return f"{len(classes)}: {', '.join(labels)}" + (f" and {rest} more" if rest else "")


def _shape(shape: Sequence[int]) -> str:
    if len(shape) == 1:
        return f"{shape[0]} feature{'s' * (shape[0] != 1)}"
    channels = f"{shape[0]} channel{'s' * (shape[0] != 1)}"
    if len(shape) == 2:
        return f"series of {channels}, {shape[1]} long"
    return f"images of {channels}, {' × '.join(map(str, shape[1:]))}"


def _size(estimator: Any) -> str:
    """Say how large the networks are that predict, and what a sample costs; empty where there are none."""
    nets = getattr(estimator, "nets_", ())
    if not nets:
        return ""
    n_parameters = estimator.n_parameters_
    first = nets[0]
    many = f"{len(nets)} together: " if len(nets) > 1 else ""
    many += f"n_cells={first.module__n_cells}, channels={first.module__channels}, "
    try:
        costs = costs_of(estimator, first.module__n_cells, first.module__channels)
        flops = sum(costs.flops(net.module__architecture) for net in nets)
    except Exception:  # noqa: BLE001 - operations may be the user's; the page shows the rest
        return f"{many}{n_parameters:,} parameters"
    return f"{many}{n_parameters:,} parameters, {flops:,} multiply-adds for a sample"


def _part(name: str, cell_type: str, content: str) -> str:
    title = f"{name}, {cell_type}" if cell_type and not name.endswith(cell_type) else name
    return f"<div class='skopdist-graph'><div class='skopdist-name'>{escape(title)}</div>{content}</div>"


def _bars(distribution: OperationDistribution, colors: dict[str, str]) -> list[tuple[int, str]]:
    """Return the bars of each cell type, with its number."""
    parts = []
    for i, shown in enumerate(shown_operations(distribution)):
        rows = []
        for o in shown:
            name, p = distribution.operations[o], distribution.probabilities[i, o]
            style = f"width: {100 * p:.1f}%; background: {colors[name]}"
            rows.append(
                f"<span title='{escape(name)}'>{escape(shortened(name, _LONGEST_LABEL))}</span>"
                f"<span class='skopdist-track'><span class='skopdist-bar' style='{style}'></span></span>"
                f"<span>{p:.2f}</span>"
            )
        parts.append((i, f"<div class='skopdist-bars'>{''.join(rows)}</div>"))
    return parts


def _graphs(architecture: Architecture, colors: dict[str, str]) -> list[tuple[int, str]]:
    """Return the picture of each cell of more than one operation, with its number."""
    # A stem of one operation is told by its bar.
    return [
        (i, cell_svg(Drawing.of(cell), colors))
        for i, cell in enumerate(architecture.cells)
        if len(cell.operations) > 1 or len(architecture.cells) == 1
    ]


def _leaderboard(trials: Sequence[Trial]) -> str:
    ranked = rank(trials, _ROWS)
    rows = [
        f"<tr><td>{entry.name}</td><td>{entry.score:.4f}</td>"
        f"<td>{f'{entry.score_error:.4f}' if math.isfinite(entry.score_error) else ''}</td>"
        f"<td>{entry.duration:.1f} s</td><td>{escape(describe(entry.trials[0].distribution))}</td></tr>"
        for entry in ranked
    ]
    what = "architectures, trained in full" if ranked and ranked[0].trials[0].final else "trials"
    return (
        f"<details><summary>Leaderboard: the best {len(rows)} {what}</summary><table><tr><th>trials</th><th>score</th>"
        f"<th>error</th><th>time</th><th>distribution</th></tr>{''.join(rows)}</table></details>"
    )

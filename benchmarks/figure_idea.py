#!/usr/bin/env python3
"""Draws the picture of the front page: a distribution of operations, and cells of three lengths drawn from it.

    python benchmarks/figure_idea.py [--output docs/figures/idea.svg]

The distribution is an example, and nothing is measured.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _drawing import plt, save

from skopdist import OperationDistribution
from skopdist.display import ArchitectureDisplay
from skopdist.display._drawing import colors_of
from skopdist.spaces import NASBench201Space

LENGTHS = (3, 6, 10)
SHARES = {"nor_conv_3x3": 0.5, "nor_conv_1x1": 0.2, "skip_connect": 0.3}


def draw_idea(path: Path) -> None:
    """Draw the distribution as bars, and beside it a cell of each length in the same colours."""
    space = NASBench201Space(list(SHARES))
    distribution = OperationDistribution(list(SHARES), [list(SHARES.values())], space.cell_types)
    figure, (bars, *axes) = plt.subplots(
        1, 1 + len(LENGTHS), figsize=(10, 2.5), width_ratios=[1.1, 1, 1.2, 1.5], layout="constrained"
    )
    for axis, length in zip(axes, LENGTHS, strict=True):
        cell = space.sample(distribution, length, random_state=0)
        ArchitectureDisplay.from_architecture(cell, axes=[axis], operations=list(SHARES))
        axis.set_title(f"a cell of {length} operations", fontsize="medium")
        legend = axis.get_legend()
        if legend is not None:
            legend.remove()
        # The bars name the operations; the nodes keep their names.
        for text in [text for text in axis.texts if len(text.get_text()) > 3]:
            text.remove()
    names, colors = list(SHARES)[::-1], colors_of(SHARES)
    bars.barh(names, [SHARES[name] for name in names], color=[colors[name] for name in names])
    bars.set(xlim=(0, 0.6), xticks=[0, 0.25, 0.5])
    bars.set_title("the ratio that is searched", fontsize="medium")
    bars.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).parent.parent / "docs" / "figures" / "idea.svg"
    parser.add_argument("--output", type=Path, default=default)
    draw_idea(parser.parse_args().output)


if __name__ == "__main__":
    main()

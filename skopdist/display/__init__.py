"""What a person sees of a search: progress, text, pictures and a notebook's page."""

from skopdist.display._cost_picture import CostDisplay
from skopdist.display._drawing import share_places
from skopdist.display._html import estimator_html
from skopdist.display._picture import ArchitectureDisplay, SearchDisplay
from skopdist.display._progress import Progress
from skopdist.display._text import describe, grid_table, leaderboard, progress_line

__all__ = [
    "ArchitectureDisplay",
    "CostDisplay",
    "Progress",
    "SearchDisplay",
    "describe",
    "estimator_html",
    "grid_table",
    "leaderboard",
    "progress_line",
    "share_places",
]

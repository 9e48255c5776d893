"""What a person sees of a search: text and a picture."""

from skopdist.display._picture import SearchDisplay
from skopdist.display._text import describe, grid_table, leaderboard, progress_line

__all__ = ["SearchDisplay", "describe", "grid_table", "leaderboard", "progress_line"]

"""The committee: several networks that predict together, and how they are chosen, trained and weighed."""

from skopdist.committee._finalists import rank_finalists
from skopdist.committee._judging import Verdict, judge, weights_by_stem
from skopdist.committee._lengths import of_best_length, train_as_long_as_helps
from skopdist.committee._members import (
    Member,
    Results,
    Seat,
    can_weigh_by_one,
    choose_architectures,
    plan_seats,
    train_members,
)
from skopdist.committee._predicting import Committee, temper
from skopdist.committee._size import members_behind, usual_members

__all__ = [
    "Committee",
    "Member",
    "Results",
    "Seat",
    "Verdict",
    "can_weigh_by_one",
    "choose_architectures",
    "judge",
    "members_behind",
    "of_best_length",
    "plan_seats",
    "rank_finalists",
    "temper",
    "train_as_long_as_helps",
    "train_members",
    "usual_members",
    "weights_by_stem",
]

"""The classes of what the functions of the API return, for annotations. Imports no torch."""

from archspec.analysis import Analysis
from archspec.views.changes import Changes, Checkpoint
from archspec.views.explain import Explanation
from archspec.views.explain.uses import Uses
from archspec.views.fitting import Match
from archspec.views.plan import Plan
from archspec.views.summary import Summary
from archspec.views.summary.sweep import Sweep
from archspec.views.summary.variants import Summaries

__all__ = [
    "Analysis",
    "Changes",
    "Checkpoint",
    "Explanation",
    "Match",
    "Plan",
    "Summaries",
    "Summary",
    "Sweep",
    "Uses",
]

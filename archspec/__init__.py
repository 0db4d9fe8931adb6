"""archspec: neural-network architectures written down as data.

A YAML spec describes a network; archspec checks it, infers every shape, builds the `nn.Module`, and generates
readable PyTorch source that no longer needs archspec. PyTorch is imported by `build` and `verify` alone.
"""

from typing import TYPE_CHECKING, Any

from archspec.api.building import build, generate, import_module, load_weights
from archspec.api.checking import analyse, check, fix
from archspec.api.figures import dtypes, match_weights, shapes, solve, summaries, summary, sweep, verify, weights
from archspec.api.sharding import parallelize, plan
from archspec.api.showing import diagram, diff, explain, picture, schema, uses
from archspec.importer.gaps import Gap, Imported
from archspec.problems import Edit, Problem, Span, SpecError
from archspec.problems.fixing import Fixed
from archspec.spec import Spec, load, parse
from archspec.starter import new

if TYPE_CHECKING:
    from archspec.results import (
        Analysis,
        Changes,
        Checkpoint,
        Explanation,
        Match,
        Plan,
        Summaries,
        Summary,
        Sweep,
        Uses,
    )

__all__ = [
    "Analysis",
    "Changes",
    "Checkpoint",
    "Edit",
    "Explanation",
    "Fixed",
    "Gap",
    "Imported",
    "Match",
    "Plan",
    "Problem",
    "Span",
    "Spec",
    "SpecError",
    "Summaries",
    "Summary",
    "Sweep",
    "Uses",
    "analyse",
    "build",
    "check",
    "diagram",
    "diff",
    "dtypes",
    "explain",
    "fix",
    "generate",
    "import_module",
    "load",
    "load_weights",
    "match_weights",
    "new",
    "parallelize",
    "parse",
    "picture",
    "plan",
    "schema",
    "shapes",
    "solve",
    "summaries",
    "summary",
    "sweep",
    "uses",
    "verify",
    "weights",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The classes of results, imported when they are named."""
    if name not in __all__:
        raise AttributeError(f"module 'archspec' has no attribute {name!r}")
    from archspec import results  # here: most programs name none of them

    return getattr(results, name)

"""archspec: neural-network architectures written down as data.

A YAML spec describes a network; archspec checks it, infers every shape, builds the `nn.Module`, and generates
readable PyTorch source that no longer needs archspec. PyTorch is imported by `build` and `verify` alone.
"""

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

__all__ = [
    "Edit",
    "Fixed",
    "Gap",
    "Imported",
    "Problem",
    "Span",
    "Spec",
    "SpecError",
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

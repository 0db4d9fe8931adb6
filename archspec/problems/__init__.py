"""What is wrong with a spec, where, and what to write instead: problems, their codes, and how they are written.

Every stage raises or returns these; nothing here prints. Knows nothing of YAML, of layers or of PyTorch.
"""

from archspec.problems.codes import CODES, WARNINGS
from archspec.problems.problem import (
    Advice,
    Edit,
    Problem,
    Related,
    Severity,
    Span,
    SpecError,
    did_you_mean,
    echo,
    in_file_order,
    nearest,
    render_text,
    rewording,
)

__all__ = [
    "CODES",
    "WARNINGS",
    "Advice",
    "Edit",
    "Problem",
    "Related",
    "Severity",
    "Span",
    "SpecError",
    "did_you_mean",
    "echo",
    "in_file_order",
    "nearest",
    "render_text",
    "rewording",
]

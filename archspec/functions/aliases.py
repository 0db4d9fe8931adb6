"""Second names of functions, as PyTorch has them."""

from __future__ import annotations

from archspec.functions._base import Function
from archspec.functions.comparison import COMPARISONS
from archspec.functions.elementwise import BINARY, UNARY, clamp, div, logit, mul, sub
from archspec.functions.joining import STACKS
from archspec.functions.matrix import matmul, outer
from archspec.functions.reduction import SOFTMAXES, logsumexp
from archspec.functions.special import SPECIAL

_SAME: dict[str, Function] = {
    "absolute": UNARY["abs"],
    "arccos": UNARY["acos"],
    "arccosh": UNARY["acosh"],
    "arcsin": UNARY["asin"],
    "arcsinh": UNARY["asinh"],
    "arctan": UNARY["atan"],
    "arctan2": BINARY["atan2"],
    "arctanh": UNARY["atanh"],
    "clip": clamp,
    "divide": div,
    "fix": UNARY["trunc"],
    "ger": outer,
    "greater": COMPARISONS["gt"],
    "greater_equal": COMPARISONS["ge"],
    "less": COMPARISONS["lt"],
    "less_equal": COMPARISONS["le"],
    "multiply": mul,
    "negative": UNARY["neg"],
    "not_equal": COMPARISONS["ne"],
    "row_stack": STACKS["vstack"],
    "subtract": sub,
    "linalg.matmul": matmul,
    "special.log_softmax": SOFTMAXES["log_softmax"],
    "special.logit": logit,
    "special.logsumexp": logsumexp,
    "special.softmax": SOFTMAXES["softmax"],
    "digamma": SPECIAL["special.digamma"],
    "i0": SPECIAL["special.i0"],
    "lgamma": SPECIAL["special.gammaln"],
}

ALIASES = {name: function.named(f"torch.{name}") for name, function in _SAME.items()}

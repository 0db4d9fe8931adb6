"""Shape rules as text, in the symbols of PyTorch's documentation: read, put to use, and worked out.

    [N, in_channels, *S_in] -> [N, out_channels, *S_out]
    S_out = floor((S_in + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1)

A line with an arrow says which axes flow in and out, any other one is a formula. Of several for the same, the first one
holds that fits what flows in and whose `if` is true. A name is an axis, an argument, or what a formula says.

- `*` is any number of axes, `*S` the same with a name. `*S_in` are the spatial ones, for which people write `L`,
  `H, W` or `D, H, W`; its formula says each of them, of the entries of lists that belong to it. A dtype behind the
  brackets says nothing here.
- `prod(S)` multiplies them, `i` counts them from the last.
- Behind `at` stands the argument that says which axis it is that comes first after a leading `*`; `at a to b` says
  where the axes `*S` begin and end.
- `that broadcast`: the shapes are stretched to each other first.
- An axis `N` is left out where the input has one axis fewer: the batch of which there is none.

Knows nothing of layers, of functions, or of what the names are worth in any network.
"""

from archspec.formulas.rules import ShapeRule
from archspec.formulas.use import AppliedRule, Axis, plain_text

__all__ = ["AppliedRule", "Axis", "ShapeRule", "plain_text"]

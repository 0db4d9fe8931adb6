"""A model handed over to torch.distributed, by the function that generated files have. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archspec.emit.module import run
from archspec.emit.parallel import Sharding, function, imports

if TYPE_CHECKING:
    from torch import nn
    from torch.distributed.device_mesh import DeviceMesh


def hand_over(model: nn.Module, sharding: Sharding, mesh: DeviceMesh) -> nn.Module:
    """Shards the model over the mesh, in place."""
    lines = function(sharding)
    source = "\n".join(["from torch import nn", *imports(lines), "", *lines, ""])
    made: nn.Module = run(source, "parallelize", {})["parallelize"](model, mesh)
    return made

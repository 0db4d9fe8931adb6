"""Graph -> a plan of a sharded training step: what each rank holds and sends, what is cut, what stays whole, and why.

Runs no PyTorch. The plan is what `torch.distributed` would do: FSDP2 over `dp`, tensor parallelism over `tp`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from archspec.graph import Graph
from archspec.layers import LAYERS
from archspec.problems import Problem, Span, in_file_order
from archspec.problems.formats import problem_data
from archspec.tensors import FLOATS
from archspec.views.plan import problems as warnings
from archspec.views.plan import text as plan_text
from archspec.views.plan.asked import NOTHING, Wishes, asked_of, refused
from archspec.views.plan.communication import (
    Collective,
    Counter,
    SizeOf,
    fully_sharded,
    norms,
    sequence_parallel,
    tensor_parallel,
)
from archspec.views.plan.memory import Again, RankTrace, activations, gathered, part_of, recomputed, traced
from archspec.views.plan.mesh import blocks_of, ranks
from archspec.views.plan.opening import Opening
from archspec.views.plan.parameters import ShardedParameter, parameters
from archspec.views.plan.roles import Role, Roles, roles_of_model
from archspec.views.plan.sequence import NOWHERE, Sequenced, sequenced
from archspec.views.plan.sharding import by_rank
from archspec.views.plan.stages import Part, crossing, stages, torn, unfed


@dataclass(frozen=True, slots=True)
class PlanSetting:
    """What a plan is made for."""

    mesh: Mapping[str, int]
    pp: int = 1
    batch: int = 1
    dtype: str = "float32"
    optimizer: str = "adamw"
    checkpoint: str | None = None
    device_memory: int | None = None
    sequence_parallel: bool = False


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks that hold equally much: how many, the number of the first, and their bytes."""

    name: str
    count: int
    example: int
    parameters: int
    gradients: int
    optimizer: int
    activations: int | None
    """None where the size of an input is not known."""
    peak: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """A weight in blocks along an axis: `column` cuts what it makes, `row` what it sums up or looks up."""

    weight: str
    axis: int
    over: str
    role: str
    path: str
    line: int
    gathered: bool = False
    """Whether the layer's output is put together behind it."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A weight that every rank of a tensor-parallel group holds whole, and why."""

    weight: str
    why: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A pipeline stage: its first and last step, and its multiply-accumulates."""

    first: str
    last: str
    macs: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A sharded training step. `str()` is what `archspec plan` prints; `as_dict()` is its JSON.

    Bytes are those of one rank; `batch` is what one data-parallel rank is given. The loss is not counted.
    """

    spec: str
    setting: PlanSetting
    ranks: tuple[Ranks, ...]
    communication: tuple[Collective, ...]
    cuts: tuple[Cut, ...]
    whole: tuple[Whole, ...]
    share_cut: float
    stages: tuple[Stage, ...] = ()
    problems: tuple[Problem, ...] = ()
    fits: bool | None = None
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """The sizes of the inputs that the figures are for."""
    assumed: Mapping[str, int] = field(default_factory=dict)
    """Free sizes that nobody said: examples stand for them."""
    blocks: tuple[str, ...] = ()
    """The paths of the blocks that FSDP shards, and checkpoints recompute, one by one."""
    ties: Mapping[str, str] = field(default_factory=dict)
    """Weights that are another one's, by their keys."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """How each layer that is cut is, by its path."""
    modules: tuple[str, ...] = ()
    """The paths of all modules, in the order in which they are made."""
    openings: frozenset[Opening] = frozenset()
    """The sizes in expressions that differ on a rank."""
    sequence: Sequenced = NOWHERE
    """Where ranks hold blocks of the sequence."""

    @property
    def mesh(self) -> dict[str, int]:
        """Ranks along each dimension."""
        return dict(self.setting.mesh)

    @property
    def pp(self) -> int:
        """How many pipeline stages there are."""
        return self.setting.pp

    @property
    def batch(self) -> int:
        """Samples that one data-parallel rank is given in a step."""
        return self.setting.batch

    @property
    def dtype(self) -> str:
        """The dtype of the parameters that name none of their own."""
        return self.setting.dtype

    @property
    def optimizer(self) -> str:
        """Whose states are counted."""
        return self.setting.optimizer

    @property
    def split_points(self) -> tuple[str, ...]:
        """The blocks before which the network is split into stages, as `torch.distributed.pipelining` takes them.

        `pipeline(model, args, split_spec={name: SplitPoint.BEGINNING for name in plan.split_points})`
        """
        return tuple(one.first for one in self.stages[1:])

    @property
    def sent(self) -> int:
        """Bytes of all collectives of a step; those of unknown size are left out."""
        return sum(int(one.bytes) for one in self.communication if isinstance(one.bytes, int))

    @property
    def checkpoint(self) -> str | None:
        """What is recomputed in the backward pass: `blocks`, or nothing."""
        return self.setting.checkpoint

    @property
    def sequence_parallel(self) -> bool:
        """Whether ranks hold blocks of the sequence between the layers that are cut."""
        return self.setting.sequence_parallel

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON has it."""
        return {
            "spec": self.spec,
            "mesh": self.mesh,
            "pp": self.pp,
            "batch": self.batch,
            "dtype": self.dtype,
            "optimizer": self.optimizer,
            "checkpoint": self.checkpoint,
            "fits": self.fits,
            "ranks": [_data(one) for one in self.ranks],
            "communication": [
                {"kind": one.kind, "over": one.over, "count": one.count, "bytes": _known(one.bytes)}
                for one in self.communication
            ],
            "cuts": [_data(one) for one in self.cuts],
            "whole": [_data(one) for one in self.whole],
            "share_cut": self.share_cut,
            "stages": [_data(one) for one in self.stages],
            "problems": [problem_data(problem) for problem in self.problems],
            "inputs": {name: list(shape) for name, shape in self.sizes.items()},
            "assumed": dict(self.assumed),
            "sequence_parallel": self.sequence_parallel,
            "sequence": {"sums": dict(self.sequence.sums), "norms": dict(self.sequence.norms)},
        }

    def text(self) -> str:
        """The plan for people."""
        return "\n".join(plan_text.text(self))

    def markdown(self) -> str:
        """The plan for a page."""
        return "\n".join(plan_text.markdown(self))

    def __str__(self) -> str:
        return self.text()


def _data(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def _known(size: Any) -> int | None:
    return int(size) if isinstance(size, int) else None


@dataclass(frozen=True, slots=True)
class Network:
    """A network whose inputs have sizes: those that are given, and examples for the others."""

    graph: Graph
    sizes: Mapping[str, tuple[int, ...]]
    assumed: Mapping[str, int]
    place: Span
    """Where problems of the whole network stand."""


def make(network: Network, setting: PlanSetting, wishes: Wishes = NOTHING) -> Plan:
    """The plan of a network for a setting; ValueError where it has too few blocks for the pipeline's stages.

    What `wishes` say stands where nothing forbids it. SpecError where stages cannot begin as they say.
    """
    degree = setting.mesh.get("tp", 1)
    asked, problems = asked_of(network.graph, wishes)
    found = roles_of_model(network.graph, degree, asked)
    problems += refused(found, asked)
    if degree == 1:
        found.cut.clear()
    held = [_of_dtype(one, setting.dtype) for one in parameters(network.graph, found.cut, found.ties, degree)]
    blocks = tuple(dict.fromkeys(one.unit for one in held if one.unit))
    share = sum(one.numel for one in held if one.axis is not None) / max(1, sum(one.numel for one in held))
    sequence = NOWHERE
    if setting.sequence_parallel and degree > 1:
        sequence = sequenced(network.graph.main, found, degree)
        problems += warnings.of_sequence(sequence, network.place)
    trace = traced(network.graph.main, found, degree, setting.dtype, sequence)
    parts = _parts(network, setting, trace, held, blocks, wishes)
    classes = tuple(sorted(_classes(setting, trace, parts), key=lambda one: -(one.peak or one.parameters)))
    spans = {run.path: run.call.span for run in found.runs}
    problems += torn(parts, found.ties, spans)
    if trace is not None:
        problems += unfed(parts, zip(network.graph.main.inputs, trace.inputs, strict=False))
    if degree > 1:
        problems += [*warnings.of_roles(found, held, degree), *warnings.of_share(share, network.place, degree)]
    if setting.checkpoint is not None:
        problems += warnings.of_statistics(network.graph, blocks)
    beyond, fits = _fitting(network, setting, classes)
    return Plan(
        network.graph.path,
        setting,
        classes,
        tuple(_communication(setting, found, sequence, trace, parts, blocks)),
        tuple(_cuts(held, found)),
        tuple(_whole(held, found)) if degree > 1 else (),
        share,
        stages=tuple(Stage(one.first, one.last, one.macs) for one in parts) if setting.pp > 1 else (),
        problems=tuple(in_file_order([*problems, *beyond])),
        fits=fits,
        sizes=network.sizes,
        assumed=network.assumed,
        blocks=blocks,
        ties=found.ties,
        roles=found.cut,
        modules=tuple(path for path, _ in network.graph.modules()),
        openings=frozenset(found.openings),
        sequence=sequence,
    )


def _parts(
    network: Network,
    setting: PlanSetting,
    trace: RankTrace | None,
    held: list[ShardedParameter],
    blocks: tuple[str, ...],
    wishes: Wishes,
) -> list[Part]:
    """The pipeline stages; one that is the whole network where there are no others."""
    if setting.pp == 1:
        operations = tuple(trace.operations) if trace is not None else ()
        return [Part("", "", 0, operations, tuple(held), blocks)]
    if trace is None:
        raise ValueError("pipeline stages are for inputs of known sizes: say them all")
    return stages(network.graph, trace, held, blocks, wishes.stages or setting.pp)


def _fitting(network: Network, setting: PlanSetting, classes: tuple[Ranks, ...]) -> tuple[list[Problem], bool | None]:
    """Whether the most loaded rank fits, and what is said where it does not; None where that is not asked or known."""
    peak = max((one.peak for one in classes if one.peak is not None), default=None)
    if setting.device_memory is None or peak is None:
        return [], None
    assumed = "".join(f"; {name} = {size} is an example" for name, size in network.assumed.items())
    beyond = list(warnings.of_memory(peak, setting.device_memory, network.place, assumed))
    return beyond, not beyond


def _communication(
    setting: PlanSetting,
    found: Roles,
    sequence: Sequenced,
    trace: RankTrace | None,
    parts: list[Part],
    blocks: tuple[str, ...],
) -> list[Collective]:
    """What is sent in a step: by one rank of each pipeline stage, all stages together."""
    counter, shards = Counter(), setting.mesh.get("dp", 1)
    again = recomputed(trace, blocks) if setting.checkpoint and trace is not None else Again()
    size_of = SizeOf({}, setting.dtype)
    tensor_parallel(found, sequence, again, counter, size_of)
    sequence_parallel(found, sequence, again, counter, size_of)
    norms([one for part in parts for one in part.parameters], sequence, counter)
    for part in parts if shards > 1 else ():
        fully_sharded(list(part.parameters), shards, counter)
    for size, learns in crossing(parts):
        counter.add("send", "pp", size, 2 if learns else 1)
    return counter.collectives()


def _of_dtype(one: ShardedParameter, dtype: str) -> ShardedParameter:
    return replace(one, dtype=dtype) if one.dtype == "float32" and dtype != "float32" else one


def _classes(setting: PlanSetting, trace: RankTrace | None, parts: list[Part]) -> Iterator[Ranks]:
    """The ranks by what they hold, stage by stage."""
    shards, each = setting.mesh.get("dp", 1), ranks(setting.mesh)
    for number, part in enumerate(parts):
        own = trace if trace is None or len(parts) == 1 else part_of(trace, part.operations)
        checkpoint = setting.checkpoint is not None
        kept, most = activations(own, part.blocks, checkpoint) if own is not None else (None, None)
        whole = gathered(part.parameters, shards)
        kinds = by_rank(list(part.parameters), shards, setting.optimizer)
        for size, some in kinds:
            name = f"stage {number}" if len(kinds) == 1 else f"stage {number}, dp {blocks_of(some)}"
            fixed = size.parameters + size.gradients + size.optimizer + whole
            peak = None if most is None else fixed + most
            count, example = len(some) * (each // shards), number * each + some[0] * _stride(setting.mesh)
            yield Ranks(name, count, example, size.parameters, size.gradients, size.optimizer, kept, peak)


def _stride(mesh: Mapping[str, int]) -> int:
    """How far two neighbours along `dp` are from each other in the numbers of the ranks."""
    names = list(mesh)
    behind = names[names.index("dp") + 1 :] if "dp" in names else []
    return ranks({name: mesh[name] for name in behind})


def _cuts(held: list[ShardedParameter], found: Roles) -> Iterator[Cut]:
    for one in held:
        if one.axis is not None:
            role = found.cut[one.path]
            yield Cut(one.key, one.axis, "tp", role.name, one.span.path, one.span.line, role.gathered)


def _whole(held: list[ShardedParameter], found: Roles) -> Iterator[Whole]:
    for one in held:
        if one.axis is None:
            yield Whole(one.key, _why(one, found), one.span.path, one.span.line)


def _why(one: ShardedParameter, found: Roles) -> str:
    if one.path in found.whole:
        return found.whole[one.path].text
    if one.path in found.cut:
        return "it is added once, to a sum over all ranks"
    if one.layer == "Parameter":
        return "it is a Parameter of the spec: only layers are cut"
    if one.layer in LAYERS and LAYERS[one.layer].columns:
        return "`forward` does not run it"
    return f"`{one.layer}` has no rule that cuts its weights"


DTYPES = FLOATS
"""The dtypes that a plan may be made for."""

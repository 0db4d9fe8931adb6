"""What a plan warns of, each at its line: sizes that do not divide, packed weights, much that stays whole, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archspec.graph import Call, Graph
from archspec.layers import divisors
from archspec.problems import Problem, Span
from archspec.views.plan.parameters import ShardedParameter
from archspec.views.plan.roles import Roles
from archspec.views.plan.sequence import Sequenced
from archspec.views.plan.tokens import Reason
from archspec.views.summary.figures import human

LITTLE = 0.5
"""A plan that cuts less than this share of the parameters is told to cut little."""

HEADROOM = 0.2
"""The share of a device's memory that a plan leaves free: for the loss, buffers of NCCL, CUDA's context, fragments."""


def of_roles(roles: Roles, parameters: list[ShardedParameter], degree: int) -> Iterator[Problem]:
    """Layers that stay whole for a reason that the spec can change, each line once."""
    sizes = _sizes(parameters)
    found: dict[tuple[Span, str], list[str]] = {}
    reasons: dict[tuple[Span, str], Reason] = {}
    for path, reason in roles.whole.items():
        if (reason.size or reason.packed) and sizes.get(path):
            found.setdefault((reason.span, reason.text), []).append(path)
            reasons[reason.span, reason.text] = reason
    for key, paths in found.items():
        reason = reasons[key]
        number = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        stays = "stay" if number else "stays"
        if reason.packed:
            message = f"`{paths[0]}`{number} {stays} whole: {reason.text}"
            yield Problem("AS803", message, reason.span, _UNPACK, "warning")
        else:
            message = f"{reason.text}: `{paths[0]}`{number} {stays} whole"
            yield Problem("AS802", message, reason.span, _degrees(reason.size, degree), "warning")


_UNPACK = (
    "one layer for each of the values can be cut; FSDP and checkpoints would gather the rows of a packed weight in "
    "another order than they were cut in"
)


def _degrees(size: int, degree: int) -> str:
    padded = -(-size // degree) * degree
    if size > 8192:
        padded = -(-size // max(64, degree)) * max(64, degree)
        return f"pad it to {padded:,}; degrees that divide {size:,}: {divisors(size)}"
    return f"degrees that divide {size}: {divisors(size)}"


def _sizes(parameters: list[ShardedParameter]) -> Mapping[str, int]:
    sizes: dict[str, int] = {}
    for one in parameters:
        sizes[one.path] = sizes.get(one.path, 0) + one.numel
    return sizes


def of_sequence(blocks: Sequenced, place: Span) -> Iterator[Problem]:
    """Sums that stay whole along the sequence, each reason once; and a network in which all do."""
    found: dict[Reason, list[str]] = {}
    for path, reason in blocks.whole.items():
        found.setdefault(reason, []).append(path)
    for reason, paths in found.items():
        number = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        message = f"what `{paths[0]}`{number} sums up stays whole along the sequence: {reason.text}"
        yield Problem("AS811", message, reason.span, _SEQUENCE, "warning")
    if not blocks.sums and not found:
        message = "nothing is cut along the sequence: no row layer makes a value of three axes or more"
        yield Problem("AS811", message, place, _SEQUENCE, "warning")


_SEQUENCE = "it is right all the same; leave out `sequence_parallel` where it saves nothing"


def of_share(share: float, place: Span, degree: int) -> Iterator[Problem]:
    """Little of the network is cut."""
    if degree > 1 and share < LITTLE:
        message = f"tensor parallelism cuts {share:.0%} of the parameters: {degree} ranks hold the rest alike"
        advice = "use those ranks for data parallelism (`dp`), which shards every parameter"
        yield Problem("AS806", message, place, advice, "warning")


def of_statistics(graph: Graph, blocks: Sequence[str]) -> Iterator[Problem]:
    """Layers with running statistics in blocks that run once more in backward; told once, at the first of them."""
    found: list[tuple[str, Call]] = []
    for path, call, _ in graph.layers():
        inside = any(path.startswith(f"{block}.") for block in blocks)
        if inside and any(weight.name == "running_mean" for weight in call.weights()):
            found.append((path, call))
    if found:
        path, call = found[0]
        what, runs = f"`{path}`", "runs twice per step, because its block is checkpointed: its"
        if len(found) > 1:
            what, runs = (
                f"{what} and {len(found) - 1} more",
                "run twice per step, because their blocks are checkpointed: their",
            )
        advice = f"set the momentum m of `{call.type_name}` to 1 - sqrt(1 - m), or remove `checkpoint`"
        yield Problem("AS810", f"{what} {runs} running statistics are updated twice", call.span, advice, "warning")


def of_memory(peak: int, memory: int, place: Span, assumed: str) -> Iterator[Problem]:
    """The most loaded rank needs more than a device has, but for what is left free."""
    room = int(memory * (1 - HEADROOM))
    if peak > room:
        message = f"a rank needs {human(peak, 'B')}, and {human(memory, 'B')} leave {human(room, 'B')}{assumed}"
        advice = "more ranks along `dp` or `tp`, a smaller batch, `checkpoint`, or another optimizer"
        yield Problem("AS805", message, place, advice)

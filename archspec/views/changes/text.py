"""Changes as text, as Markdown, and as data for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from archspec.characters import printable
from archspec.dimensions import Size
from archspec.views.changes.tables import Line, code, keys, markdown_table, paths, table

if TYPE_CHECKING:
    from archspec.views.changes import Change, Changes, Checkpoint, Detail, Pair

SIGNS = {"added": "+", "removed": "-", "renamed": ">", "changed": "~", "resized": "="}
EQUAL = "the architectures are equal"
_MOST_VALUES = 4
_LONGEST = 28  # of a formula


def text(changes: Changes) -> str:
    """For a terminal."""
    lines = [f"--- {printable(changes.labels[0])}", f"+++ {printable(changes.labels[1])}"]
    if changes.equal:
        return "\n".join((*lines, EQUAL))
    lines += ["", *table(list(_figures(changes)), right=(1, 2))]
    lines += [hint] if (hint := changes.summaries[1].hint) else []
    for title, rows, right in _sections(changes):
        lines += ["", title, *(f"  {line}" for line in table(rows, right))]
    return "\n".join(lines)


def markdown(changes: Changes) -> str:
    """For a comment on a pull request: tables, of which the weights' is folded away."""
    title = f"{code(changes.labels[0])} → {code(changes.labels[1])}"
    if changes.equal:
        return f"{title}: {EQUAL}.\n"
    blocks = [title, markdown_table(list(_figures(changes)), right=(1, 2))]
    blocks += [code(hint)] if (hint := changes.summaries[1].hint) else []
    for head, rows, right in _sections(changes):
        table = markdown_table([("",) * max(map(len, rows)), *rows], right)
        folded = f"<details><summary>{head}</summary>\n\n{table}\n\n</details>"
        blocks.append(folded if head.startswith(_WEIGHTS) else f"**{head}**\n\n{table}")
    return "\n\n".join(blocks) + "\n"


def data(changes: Changes) -> dict[str, Any]:
    """For JSON: what is known is a number, everything else a string."""
    sides = ("old", "new")
    totals = zip(sides, changes.summaries, strict=True)
    return {
        **dict(zip(sides, changes.labels, strict=True)),
        "equal": changes.equal,
        "class": list(changes.names),
        "totals": {side: {"parameters": _plain(s.parameters), "macs": _plain(s.macs)} for side, s in totals},
        "settings": {name: list(pair) for name, pair in changes.parameters.items()},
        "interface": {name: list(pair) for name, pair in changes.interface.items()},
        "steps": list(map(_step_data, changes.steps)),
        "weights": None if changes.checkpoint is None else _weights_data(changes.checkpoint),
    }


def _step_data(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "class": list(change.layer),
        "paths": list(map(list, change.paths)),
        "details": {detail.name: list(map(list, detail.values)) for detail in change.details},
        "parameters": _plain(change.parameters),
        "lines": list(map(list, change.lines)),
    }


def _weights_data(checkpoint: Checkpoint) -> dict[str, Any]:
    reshaped = [
        {"old": old, "new": new, "old_shape": list(map(_plain, one)), "new_shape": list(map(_plain, other))}
        for old, new, one, other in checkpoint.reshaped
    ]
    lists = {name: list(getattr(checkpoint, name)) for name in ("kept", "gone", "new", "mistaken", "unknown")}
    return {**lists, "renamed": dict(checkpoint.renamed), "reshaped": reshaped}


def _plain(size: Size) -> int | str:
    return int(size) if isinstance(size, int) else str(size)


# The parts that text and Markdown share.

_WEIGHTS = "Weights of an old checkpoint"


def _figures(changes: Changes) -> Iterator[Line]:
    """The totals before and after, under a head."""
    old, new = changes.summaries
    yield "", "old", "new", ""
    if changes.names[0] != changes.names[1]:
        yield "class", *map(printable, changes.names), ""
    yield "parameters", *_grown(old.parameters, new.parameters)
    yield "MACs", *_grown(old.macs, new.macs)


def _grown(old: Size, new: Size) -> Line:
    figures = _figure(old), _figure(new)
    if not isinstance(old, int) or not isinstance(new, int) or old == new:
        return *figures, ""
    return *figures, f"{new - old:+,}" + (f" ({(new - old) / old:+.1%})" if old else "")


def _figure(size: Size) -> str:
    text = f"{size:,}" if isinstance(size, int) else printable(str(size))
    return text if isinstance(size, int) or (len(text) <= _LONGEST and "?" not in text) else "?"


def _sections(changes: Changes) -> Iterator[tuple[str, list[Line], tuple[int, ...]]]:
    """Everything that changed, under titles; and which columns hold numbers."""
    for title, pairs in (("Settings", changes.parameters), ("Inputs and outputs", changes.interface)):
        if pairs:
            yield title, [(_sign(pair), name, _arrow(pair)) for name, pair in pairs.items()], ()
    said = [change for change in changes.steps if change.kind != "resized"]
    if said:
        yield _title("Steps", said), list(map(_step, said)), (3,)
    follow = [c for c in changes.steps if c.kind == "resized" and any(d.name != "output" for d in c.details)]
    if follow:
        yield "Steps that differ only in sizes", list(map(_step, follow)), (3,)
    if changes.checkpoint is not None:
        yield _WEIGHTS, list(_weights(changes.checkpoint)), (1,)


def _sign(pair: Pair) -> str:
    return "+" if pair[0] is None else "-" if pair[1] is None else "~"


def _arrow(pair: Pair) -> str:
    return " -> ".join(printable(value) for value in pair if value is not None)


def _title(head: str, several: Sequence[Change]) -> str:
    """`Steps: 36 changed, 12 added`."""
    counts = {kind: sum(len(change.paths) for change in several if change.kind == kind) for kind in SIGNS}
    return f"{head}: {', '.join(f'{count} {kind}' for kind, count in counts.items() if count)}"


def _step(change: Change) -> Line:
    layer = printable(change.layer[1] or change.layer[0] or "")
    told = [detail for detail in change.details if _is_told(detail, change)]
    size = change.parameters
    grown = f"{size:+,}" if isinstance(size, int) and size else ""
    where = [b or a or "" for a, b in change.paths]
    path = paths(where) or "(the network)"
    if change.kind == "renamed":
        path = f"{paths([a or '' for a, _ in change.paths])} -> {path}"
    return SIGNS[change.kind], path + (f" ({len(where)}×)" if len(where) > 1 else ""), layer, grown, _details(told)


def _is_told(detail: Detail, change: Change) -> bool:
    """Whether a reader needs it: not a size that follows from what is said, unless it says more at a glance."""
    if detail.name == "output":
        return change.kind != "resized" and len(detail.values) == 1
    return change.kind == "resized" or not detail.follows


def _details(details: Iterable[Detail]) -> str:
    return "; ".join(map(_detail, details))


def _detail(detail: Detail) -> str:
    values = [_arrow(pair) for pair in detail.values]
    more = ", …" if len(values) > _MOST_VALUES else ""
    name = "" if detail.name in ("class", "expression") else f"{printable(detail.name)} "
    return f"{name}{', '.join(values[:_MOST_VALUES])}{more}"


def _weights(checkpoint: Checkpoint) -> Iterator[Line]:
    if checkpoint.fits:
        yield "=", str(len(checkpoint.kept)), "fit by key and shape: all of them"
        return
    yield "=", str(len(checkpoint.kept)), "fit by key and shape"
    for sign, what, several in (
        (">", "fit under another key", [(a, b) for a, b in checkpoint.renamed.items()]),
        ("~", "have another shape", [(b,) for _, b, _, _ in checkpoint.reshaped]),
        ("-", "are gone", [(key,) for key in checkpoint.gone]),
        ("+", "are new", [(key,) for key in checkpoint.new]),
        ("!", "fit by key and shape, but belong to another step now", [(key,) for key in checkpoint.mistaken]),
        ("?", "are modules of your own, whose weights are not known", [(path,) for path in checkpoint.unknown]),
    ):
        if several:
            yield sign, str(len(several)), what, keys(several)

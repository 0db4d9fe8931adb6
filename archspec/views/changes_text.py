"""Changes as text, as Markdown, and as data for JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from archspec.dimensions import Size
from archspec.problems import printable

if TYPE_CHECKING:
    from archspec.views.changes import Change, Changes, Checkpoint, Detail, Pair

SIGNS = {"added": "+", "removed": "-", "renamed": ">", "changed": "~", "resized": "="}
EQUAL = "the architectures are equal"
_MOST_VALUES = 4
_MOST_KEYS = 3
_LONGEST = 28  # of a formula

Line = tuple[str, ...]
"""Cells of a line, the first one its sign."""


def text(changes: Changes) -> str:
    """For a terminal."""
    lines = [f"--- {printable(changes.labels[0])}", f"+++ {printable(changes.labels[1])}"]
    if changes.equal:
        return "\n".join((*lines, EQUAL))
    lines += ["", *_table(list(_figures(changes)), right=(1, 2))]
    lines += [hint] if (hint := changes.summaries[1].hint) else []
    for title, rows, right in _sections(changes):
        lines += ["", title, *(f"  {line}" for line in _table(rows, right))]
    return "\n".join(lines)


def markdown(changes: Changes) -> str:
    """For a comment on a pull request: tables, of which the weights' is folded away."""
    title = f"{_code(changes.labels[0])} → {_code(changes.labels[1])}"
    if changes.equal:
        return f"{title}: {EQUAL}.\n"
    blocks = [title, _markdown_table(list(_figures(changes)), right=(1, 2))]
    blocks += [_code(hint)] if (hint := changes.summaries[1].hint) else []
    for head, rows, right in _sections(changes):
        table = _markdown_table([("",) * max(map(len, rows)), *rows], right)
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
        yield "Steps that only take other sizes", list(map(_step, follow)), (3,)
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
    path = _paths(where) or "(the network)"
    if change.kind == "renamed":
        path = f"{_paths([a or '' for a, _ in change.paths])} -> {path}"
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
            yield sign, str(len(several)), what, _keys(several)


def _keys(several: Sequence[tuple[str, ...]]) -> str:
    """Keys, or pairs of an old and a new one, those that differ in numbers alone together."""
    alike: dict[object, list[tuple[str, ...]]] = {}
    for keys in several:
        alike.setdefault(tuple(re.sub(r"\d+", "", key) for key in keys), []).append(keys)
    shown = [" -> ".join(_paths(list(side)) for side in zip(*group, strict=True)) for group in alike.values()]
    return ", ".join(shown[:_MOST_KEYS]) + (", …" if len(shown) > _MOST_KEYS else "")


def _paths(paths: Sequence[str]) -> str:
    """Several paths as one: `layer{1…4}.{0…5}.conv1`."""
    columns = [path.split(".") for path in paths]
    if len({len(parts) for parts in columns}) > 1:
        return printable(f"{paths[0]} … {paths[-1]}")
    return printable(".".join(_names(list(dict.fromkeys(column))) for column in zip(*columns, strict=True)))


def _names(names: Sequence[str]) -> str:
    """Several names as one: `layer{1…4}`, `{keys, values}`."""
    if len(names) == 1:
        return names[0]
    numbered = [re.fullmatch(r"(\D*)(\d+)", name) for name in names]
    found = [(match[1], int(match[2])) for match in numbered if match]
    if len(found) == len(names) and len({stem for stem, _ in found}) == 1:
        numbers = sorted(number for _, number in found)
        if numbers == list(range(numbers[0], numbers[-1] + 1)):
            return f"{found[0][0]}{{{numbers[0]}…{numbers[-1]}}}"
        names = [str(number) for number in numbers] if not found[0][0] else names
    return f"{{{', '.join((*names[:_MOST_VALUES], *['…'][: len(names) > _MOST_VALUES]))}}}"


def _table(rows: Sequence[Line], right: tuple[int, ...] = ()) -> list[str]:
    """Rows in columns, those of numbers to the right."""
    filled = _filled(rows)
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    cells = (
        [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))]
        for r in filled
    )
    return ["  ".join(cell for cell, width in zip(row, widths, strict=True) if width).rstrip() for row in cells]


def _filled(rows: Sequence[Line]) -> list[Line]:
    """Rows of one length."""
    width = max(map(len, rows))
    return [(*row, *[""] * (width - len(row))) for row in rows]


def _markdown_table(rows: Sequence[Line], right: tuple[int, ...]) -> str:
    head, *others = _filled(rows)
    rule = ("--:" if place in right else "---" for place in range(len(head)))
    lines = (head, rule, *([_code(cell) if cell else "" for cell in row] for row in others))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str) -> str:
    """A text as Markdown shows it as it is, also in a table."""
    text = printable(text).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"

"""What a network can take of a checkpoint, as text, as Markdown, and as data for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from archspec.characters import printable
from archspec.dimensions import Size
from archspec.views.changes.tables import Line, alike, code, markdown_table, paths, table
from archspec.views.changes.tree import shape_text

if TYPE_CHECKING:
    from archspec.views.fitting import Match

_ALL = "every weight of the network is in the checkpoint, under its key and with its shape"


def text(match: Match, *, every: bool = False) -> str:
    """For a terminal: keys that differ in numbers alone are one line. With `every`, those that fit are listed, too."""
    lines = [f"{printable(match.path)} -> {printable(match.spec)}", ""]
    if match.fits:
        lines.append(f"{_ALL}: {len(match.kept) + len(match.tied)}")
    for sign, title, rows in _sections(match, every=every):
        if not match.fits or sign not in "=" or every:
            lines.append(f"{sign}  {title}")
            lines += [f"     {line}" for line in table(rows)] if rows else []
    return "\n".join(lines)


def markdown(match: Match) -> str:
    """For a pull request or an issue: a table for each outcome, folded away."""
    blocks = [f"{code(match.path)} → {code(match.spec)}"]
    blocks += [f"{_ALL[:1].upper()}{_ALL[1:]}."] if match.fits else []
    for _, title, rows in _sections(match, every=False):
        if not rows:
            blocks.append(title)
            continue
        made = markdown_table([("",) * max(map(len, rows)), *rows], ())
        blocks.append(f"<details><summary>{title}</summary>\n\n{made}\n\n</details>")
    return "\n\n".join(blocks) + "\n"


def data(match: Match) -> dict[str, Any]:
    """For JSON: an entry for each key of the network, and for each of the checkpoint that it has no place for."""
    sources, shapes = match.sources, {key: _plain(weight.shape) for key, weight in match.wanted.items()}
    turned = {new: old for old, new in match.transposed.items()}
    reshaped = {new: old for old, new, _, _ in match.reshaped}
    weights = []
    for key in match.wanted:
        old = sources.get(key) or turned.get(key) or reshaped.get(key)
        entry = {"key": key, "status": _status(match, key, turned, reshaped), "old": old, "shape": shapes[key]}
        entry |= {"dtype": match.wanted[key].dtype}
        entry |= {"old_shape": list(match.stored[old][0]), "old_dtype": match.stored[old][1]} if old else {}
        entry |= {"guessed": "order" if key in match.by_order else "names"} if key in match.guessed else {}
        weights.append(entry)
    return {
        "checkpoint": match.path,
        "spec": match.spec,
        "fits": match.fits,
        "weights": weights,
        "unused": [{"key": key, "shape": list(match.stored[key][0])} for key in match.gone],
        "mistaken": list(match.mistaken),
        "own": list(match.unknown),
        "beside": {kind: list(keys) for kind, keys in match.beside.items()},
    }


def _status(match: Match, key: str, turned: dict[str, str], reshaped: dict[str, str]) -> str:
    if key in match.tied:
        return "tied"
    if key in turned:
        return "transposed"
    if key in reshaped:
        return "other shape"
    source = match.sources.get(key)
    return "missing" if source is None else "fits" if source == key else "renamed"


def _plain(shape: Iterable[Size]) -> list[int | str]:
    return [int(size) if isinstance(size, int) else str(size) for size in shape]


_Section = tuple[str, str, list[Line]]


def _sections(match: Match, *, every: bool) -> Iterator[_Section]:
    """Each outcome: its sign, its title with the number of keys, and a row for keys that are alike."""
    if kept := [(key,) for key in match.kept]:
        yield "=", f"{_count(kept)} by key and shape", _rows(match, kept) if every else []
    sure = [(old, new) for old, new in match.renamed.items() if new not in match.by_order]
    unsure = [(old, new) for old, new in match.renamed.items() if new in match.by_order]
    for sign, title, keys in (
        (">", "under another key", sure),
        ("?", "under another key, matched by their order alone", unsure),
    ):
        if keys:
            yield sign, f"{_count(keys)} {title}", _rows(match, keys)
    if turned := list(match.transposed.items()):
        yield "t", f"{_count(turned)} if transposed", _rows(match, turned)
    if match.tied:
        tied = [(other, key) for key, other in match.tied.items()]
        yield "=", f"{_have(tied, 'is', 'are')} tied to another weight, and not needed", _rows(match, tied)
    yield from _misfits(match)


def _misfits(match: Match) -> Iterator[_Section]:
    reshaped = [(old, new) for old, new, _, _ in match.reshaped]
    if reshaped:
        yield "~", f"{_have(reshaped, 'has', 'have')} another shape", _rows(match, reshaped)
    for sign, title, keys in (
        ("+", "not in the checkpoint", match.new),
        ("-", "only in the checkpoint", match.gone),
    ):
        if several := [(key,) for key in keys]:
            yield sign, f"{_have(several, 'is', 'are')} {title}", _rows(match, several)
    if several := [(key,) for key in match.mistaken]:
        title = "by key and shape, but belong to another layer of the network"
        yield "!", f"{_count(several)} {title}", _rows(match, several)
    if several := [(path,) for path in match.unknown]:
        yield (
            "?",
            f"{_have(several, 'is a module', 'are modules')} of your own, with unknown weights",
            _rows(match, several),
        )
    for kind, names in match.beside.items():
        title = _BESIDE.get(kind, "in the file besides the weights")
        yield "*", f"{_have(names, 'is', 'are')} {title}", _rows(match, [(name,) for name in names])


_BESIDE = {"LoRA": "of LoRA adapters, not weights of the network", "optimizer": "of an optimizer"}


def _count(several: Sequence[object]) -> str:
    return f"{len(several):,} {'fits' if len(several) == 1 else 'fit'}"


def _have(several: Sequence[object], one: str, many: str) -> str:
    return f"{len(several):,} {one if len(several) == 1 else many}"


def _rows(match: Match, several: Sequence[tuple[str, ...]]) -> list[Line]:
    """A row for keys that differ in numbers alone: what they are called, and their shapes."""
    return [_row(match, group) for group in alike(several)]


def _row(match: Match, group: list[tuple[str, ...]]) -> Line:
    names = [paths(list(dict.fromkeys(side))) for side in zip(*group, strict=True)]
    shapes = [list(dict.fromkeys(_shapes(match, keys))) for keys in group]
    shown = list(dict.fromkeys(" -> ".join(pair) for pair in shapes))
    return (
        f"{len(group)}×" if len(group) > 1 else "",
        " -> ".join(names),
        ", ".join(shown[:3]) + ", …" * (len(shown) > 3),
    )


def _shapes(match: Match, keys: tuple[str, ...]) -> Iterator[str]:
    """The shapes of a weight in the checkpoint and in the network."""
    if keys[0] in match.stored:
        yield shape_text(match.stored[keys[0]][0])
    if keys[-1] in match.wanted:
        yield shape_text(match.wanted[keys[-1]].shape)

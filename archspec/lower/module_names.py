"""What modules are called: by their step's key or `name:`, by a pattern such as `layer{i}`, in a list of the class."""

from __future__ import annotations

import re
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension
from archspec.document import SEQUENTIAL_ATTRIBUTES, StepEntry, is_dotted, listed_problem, module_problem
from archspec.expressions import ExpressionError, Scope, evaluate, literal_text, unknown
from archspec.graph import names_in, pieces
from archspec.lower.frames import Frame
from archspec.lower.sites import Container, Site
from archspec.lower.weights import overlap
from archspec.problems import echo
from archspec.source import Path

_OF_ROUNDS = "use the loop's variable in it, as in `fc_{i}`"


def named_module(frame: Frame, step: StepEntry, site: Site) -> tuple[str, StepEntry] | None:
    """What the module of the step with the key `site.name` is called, and the step without its `name:`.

    None, and reported, where that is wrong. A name of what a loop repeats stays with the step.
    """
    key, at = str(site.name), site.at("name")
    if step.name is None:
        return key, step
    if step.expression is not None or step.again is not None or step.type in ("Parameter", "Buffer"):
        message = f"`name:` is the name of a module, but `{key}` has none"
        frame.report.add("AS206", message, at, "remove it, and rename the step's key", key=True)
        return None
    if is_dotted(step.name):
        frame.lowering.named_at[frame.span(site.path, key=True)] = frame.span(at)
        if _names_read(step.name) & step.bound and not step.shared:
            return key, step
        name = place_in_list(frame, step.name, at, site.scope)
        return None if name is None else (name, step.model_copy(update={"name": None}))
    if "{" in step.name:
        message = f"{echo(step.name)} contains an expression, but the step already has a name"
        advice = "write the name as text; `{…}` is for the steps of a list, and for lists of the class: `blocks.{i}`"
        frame.report.add("AS206", message, at, advice)
        return None
    return step.name, step.model_copy(update={"name": None})


def take_name(frame: Frame, name: str, path: Path, container: Container, *, key: bool = True) -> bool:
    """Takes a name for a module of a container; False, and reported, where no module may be called so there."""
    if is_dotted(name):
        if container is frame.container:
            return True  # lists are judged once the whole class is read
        refuse_dotted(frame, path)
        return False
    if problem := module_problem(name):
        frame.report.add("AS204", f"{echo(name)} {problem}", path, f"choose another name, such as `my_{name}`", key=key)
        return False
    if name in SEQUENTIAL_ATTRIBUTES:
        message = f"`{name}` would hide a method of nn.Sequential"
        frame.report.add("AS204", message, path, f"choose another name, such as `my_{name}`", key=key)
        return False
    if name in container.taken:
        advice = _OF_ROUNDS if frame.report.rounds else "rename one of them"
        frame.report.add("AS205", f"`{name}` is the name of two steps of one module", path, advice, key=key)
        return False
    container.taken.add(name)
    return True


def refuse_alike(frame: Frame, text: str, values: list[Any], path: Path, container: Container) -> bool:
    """Whether other parameters may give another step of a list the same name: in symbols; reported."""
    if frame.lowering.unroll:
        return False
    if any(bound is not None and bound.isdisjoint(_names_read(text)) for bound in container.around):
        frame.report.add("AS205", f"`{text}` is the name of two steps of one module", path, _OF_ROUNDS)
        return True
    if container.around:
        return False
    container.patterns[text] = values  # of the same text, the check with values judges
    alike = (one for one, parts in container.patterns.items() if one != text and _may_be_one(parts, values))
    other = next(alike, None)
    if other is not None:
        message = f"`{other}` and `{text}` may be the same name"
        frame.report.add("AS205", message, path, "let them begin or end with different words")
    return other is not None


def _may_be_one(parts: list[Any], others: list[Any]) -> bool:
    """Whether some parameters give two names the same text: words, and by turns what stands in braces."""
    texts = overlap(_filled(parts, "*"), _filled(others, "*"))
    if not texts or not overlap(*(re.sub(r"\d+", "0", _filled(name, "0")) for name in (parts, others))):
        return False
    if parts[::2] != others[::2]:
        return True
    pairs = zip(parts[1::2], others[1::2], strict=True)
    return not any(_is_size(a) and _is_size(b) and dimensions.equal(a, b) is False for a, b in pairs)


def _filled(parts: list[Any], number: str) -> str:
    """A pattern that a name fits, with a text for the numbers in its braces; `*` stands for anything else there."""
    return "".join(part if isinstance(part, str) else number if _is_size(part) else "*" for part in parts)


def _is_size(value: Any) -> bool:
    return isinstance(value, int | Dimension) and not isinstance(value, bool)


def refuse_dotted(frame: Frame, path: Path) -> None:
    """Reports a module of a list that its name puts into another one."""
    message = "a list is an nn.Sequential, which contains its modules"
    frame.report.add("AS206", message, path, "name the steps of the list in a mapping")


def name_in_list(frame: Frame, text: str, site: Site) -> str | None:
    """The name that the `name:` of a step in a list gives here; the text itself where that depends on parameters.

    None where the step has its number after all, and where the name is wrong, which is reported.
    """
    path, container = site.at("name"), site.container
    if is_dotted(text):
        if container.of_rounds:
            return place_in_list(frame, text, path, site.scope)
        refuse_dotted(frame, path)
        return None
    values = _values(frame, text, path, site.scope)
    if values is None:
        return None
    if any(map(unknown, values)):
        if refuse_alike(frame, text, values, path, container):
            return None
        container.pass_number()
        return _for_constructor(frame, text, site.scope)
    name = "".join(map(str, values))
    if problem := module_problem(name):
        frame.report.add("AS204", f"{echo(name)} {problem}", path, "choose another name")
        return None
    if name.isdecimal() and container.next is not None:
        message = f"`{name}` is a number, but a list numbers its steps itself"
        frame.report.add("AS204", message, path, f"use a word, or name the steps in a mapping: `{name}: …`")
        return None
    if refuse_alike(frame, text, values, path, container):
        return None
    if frame.lowering.unroll and not take_name(frame, name, path, container, key=False):
        return None
    container.pass_number()
    return name


def place_in_list(frame: Frame, text: str, path: Path, scope: Scope) -> str | None:
    """The place in a list of the class that a name such as `downs.{i}` gives; the text where that depends."""
    values = _values(frame, text, path, scope)
    if values is None:
        return None
    if any(map(unknown, values)):
        return _for_constructor(frame, text, scope)
    wrong = next((one for one in values if isinstance(one, bool) or not isinstance(one, str | int)), None)
    if wrong is not None or any(isinstance(one, int) and one < 0 for one in values):
        advice = "the braces must contain an integer of at least 0, such as `i` of `for: i in range(n)`"
        name = "".join(one if isinstance(one, str) else literal_text(one) for one in values)
        frame.report.add("AS204", f"{echo(name)} is not a place in a list", path, advice)
        return None
    name = "".join(map(str, values))
    if problem := listed_problem(name):
        frame.report.add("AS204", f"{echo(name)} {problem}", path, "write it like `downs.0` or `heads.box`")
        return None
    return name


def _values(frame: Frame, text: str, path: Path, scope: Scope) -> list[Any] | None:
    """The parts of a name with its braces evaluated; None, and reported, where one has no value."""
    try:
        return [part if isinstance(part, str) else evaluate(part, scope) for part in pieces(text)]
    except ExpressionError as error:
        frame.report.expression(error, path, None)
        return None


def _for_constructor(frame: Frame, text: str, scope: Scope) -> str:
    """A name whose braces read what a constructor has: the sizes that a `shape:` binds stand there as formulas."""
    if not frame.bound_around() & _names_read(text):
        return text
    parts = (
        part if isinstance(part, str) else f"{{{frame.for_constructor(part, scope).text}}}" for part in pieces(text)
    )
    return "".join(parts)


def _names_read(text: str) -> set[str]:
    """The names that the braces of a module's name read."""
    return set().union(*(names_in(part) for part in pieces(text) if not isinstance(part, str)))

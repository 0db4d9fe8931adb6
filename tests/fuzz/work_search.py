"""A search for specs that are much work: small texts that cost a command many calls, or much memory.

    python tests/fuzz/work_search.py                          for an hour, over all commands
    python tests/fuzz/work_search.py --minutes 10 --command summary --command svg
    python tests/fuzz/work_search.py --seed 7 --output found

Specs of at most 10 kB evolve: what costs a command most so far, by one of several measures, is changed further, as a
text and as a tree. What takes more calls than a second has, or more than 200 MB, is written to a file, its costs
on the first line. Calls and bytes are counted, so equal seeds find the same on every machine.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from changing import changed, seeds
from forms import FORMS
from work import A_SECOND, COMMANDS, TooMuchError, calls, peak

import archspec
from archspec.problems import render_text

LONGEST = 10_000
"""How long a spec may get, in characters."""
MOST_BYTES = 200 * 10**6
"""How much memory a command may hold at once."""
ABANDONED = 4 * A_SECOND
"""Where counting ends."""
KEPT = 6
"""How many specs are kept for each command and measure."""

_DEFINED = re.compile(r"^[ -]*(?:\{ *)?([A-Za-z]\w*(?:, *[A-Za-z]\w*)*):", re.MULTILINE)
_EXPRESSIONS = (
    "{0} + {1}", "{0} * {1}", "{0} - {1}", "{0} // {1}", "min({0}, {1})", "max({0}, {1})", "({0} + {1}) * ({0} - 1)",
    "cat([{0}, {1}], 1)", "{0}[:, 1:]", "{0}[:, :{1}]", "stack([{0}, {1}])", "chunk({0}, 2, -1)", "relu({0} + {1})",
    "{0} if {1} else {0}", "reshape({0}, [-1])", "flatten({0}, 1)", "[*{0}, *{1}]", "zip({0}, {1})", "sum({0})",
    "range({0})", "{0} @ transpose({1}, -1, -2)", "expand({0}, [2, -1, -1])", "{0} ** {1}", "-{0}", "not {0}",
)  # fmt: skip
_NUMBERS = ("0", "1", "2", "3", "7", "16", "63", "100", "1000", "10000", "2147483648", "9223372036854775807", "-1", "p")
_WRAPPERS = (
    "- {{repeat: {n}, layers: [{step}]}}",
    "- {{for: i in range({n}), layers: [{step}]}}",
    "- [{step}, {step}]",
    "- {{layers: [{step}, {step}], when: p}}",
)


class Cost(NamedTuple):
    """What a command comes to on one text."""

    calls: int
    peak: int
    sound: bool
    """Whether the text is a spec; the problems of others are the same for every command."""
    error: str = ""

    @property
    def too_much(self) -> bool:
        """Whether it is more than a command may take, or an internal error."""
        return self.calls > A_SECOND or self.peak > MOST_BYTES or bool(self.error)

    def measures(self, text: str) -> dict[str, float]:
        """By what texts are kept: all calls, calls for each character, bytes."""
        return {"calls": self.calls, "calls a character": self.calls / (len(text) + 300), "peak": self.peak}


def cost(command: str, text: str, *, memory: bool) -> Cost:
    """What a command comes to on a text; its memory only where that is asked for, as it takes a second run."""
    sound = True

    def run() -> None:
        nonlocal sound
        try:
            spec = archspec.parse(text)
        except archspec.SpecError as error:
            sound = False
            render_text(error.problems)
        else:
            COMMANDS[command](spec)

    try:
        count = calls(run, ABANDONED)
    except TooMuchError:
        return Cost(ABANDONED, 0, sound)
    except Exception as error:  # a fault of another kind, which is as good a find
        return Cost(0, 0, sound, repr(error))
    return Cost(count, peak(run) if memory else 0, sound)


# How texts are changed.


def repeated(text: str, draw: random.Random) -> str:
    """Some lines many times over; what they define has another name each time, and may be read by the next copy."""
    lines = text.split("\n")
    start = draw.randrange(len(lines))
    part = "\n".join(lines[start : start + draw.choice((1, 1, 2, 3, 6))])
    count = min(draw.choice((2, 5, 20, 100, 1000)), (LONGEST - len(text)) // (len(part) + 4))
    names = {name for match in _DEFINED.findall(part) for name in re.split(", *", match)}
    names -= {"layers", "inputs", "params", "blocks", "from", "when", "for", "repeat", "shape", "outputs", "let"}
    if not names or count < 1:
        return "\n".join((*lines[:start], *[part] * max(1, count), *lines[start:]))
    pattern = re.compile(rf"\b({'|'.join(names)})\b(:)?")
    chained = draw.random() < 0.7

    def copy(number: int) -> str:
        def name(match: re.Match[str]) -> str:
            at = number if match[2] or not chained else number - 1
            return f"{match[1]}{f'_{at}' if at else ''}{match[2] or ''}"

        return pattern.sub(name, part)

    lines[start : start + part.count("\n") + 1] = map(copy, range(count + 1))
    return "\n".join(lines)


def expressed(text: str, draw: random.Random) -> str:
    """A word or number within a larger expression."""
    words = list(re.finditer(r"(?<=[ (\[{])(?:[A-Za-z_]\w*|\d+)(?=[ ,)\]}\n])", text))
    if not words:
        return text
    match = draw.choice(words)
    value = match[0]
    for _ in range(draw.choice((1, 1, 2, 8))):
        value = draw.choice(_EXPRESSIONS).format(value, draw.choice((match[0], value, draw.choice(words)[0])))
    quoted = f'"{value[:190]}"' if draw.random() < 0.5 else value
    return text[: match.start()] + quoted + text[match.end() :]


def numbered(text: str, draw: random.Random) -> str:
    """Another number."""
    numbers = list(re.finditer(r"(?<![\w.])\d+(?![\w.])", text))
    if not numbers:
        return text
    match = draw.choice(numbers)
    return text[: match.start()] + draw.choice(_NUMBERS) + text[match.end() :]


def wrapped(text: str, draw: random.Random) -> str:
    """A step of a list within a loop, a list or a group."""
    steps = list(re.finditer(r"(?<=\n)( +)- ([^\n]+)$", text, re.MULTILINE))
    if not steps:
        return text
    match = draw.choice(steps)
    form = draw.choice(_WRAPPERS)
    for _ in range(draw.choice((1, 1, 2, 5))):
        step = form.format(n=draw.choice(_NUMBERS), step=match[2] if match[2][0] in "{[" else f"{{{match[2]}}}")
    return f"{text[: match.start()]}{match[1]}{step}{text[match.end() :]}"


def _containers(tree: Any) -> Iterator[Any]:
    pending = [tree]
    while pending:
        one = pending.pop()
        if isinstance(one, dict | list) and one:
            yield one
            pending += one.values() if isinstance(one, dict) else one


def regrown(text: str, draw: random.Random, pool: Sequence[str]) -> str:
    """The tree with a part doubled, moved, put within another one or taken from another spec; in one long line."""
    with suppress(yaml.YAMLError, ValueError, RecursionError, AttributeError, IndexError):
        tree, other = yaml.load(text, yaml.CSafeLoader), yaml.load(draw.choice(pool), yaml.CSafeLoader)
        containers = list(_containers(tree))
        target = draw.choice(containers)
        key = draw.choice(list(target)) if isinstance(target, dict) else draw.randrange(len(target))
        source = draw.choice(list(_containers(draw.choice((tree, tree, other)))))
        part = draw.choice(list(source.values()) if isinstance(source, dict) else source)
        kind = draw.randrange(4)
        if kind == 0:
            target[key] = part
        elif kind == 1:
            target[key] = {"layers": {"a": target[key], "b": part}} if draw.random() < 0.5 else [target[key], part]
        else:
            for number in range(draw.choice((1, 3, 30, 300))):
                if isinstance(target, list):
                    target.append(part)
                else:
                    target[f"{key}_{number}"] = part if kind == 2 else target[key]
        return _written(tree)
    return text


class _Written(yaml.CSafeDumper):
    """YAML that uses no aliases: a part that stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never."""
        return True


def _written(tree: Any) -> str:
    top = tree.items() if isinstance(tree, dict) else ()
    return "".join(
        yaml.dump({key: value}, Dumper=_Written, default_flow_style=None, sort_keys=False, width=10**6)
        for key, value in top
    )


def offspring(text: str, draw: random.Random, pool: Sequence[str]) -> str:
    """A text after some changes, of at most the longest size."""
    for _ in range(draw.choice((1, 1, 1, 2, 4))):  # few: most changes leave no spec
        kind = draw.choices(range(6), (5, 3, 2, 2, 4, 2))[0]
        changes: tuple[Callable[[], str], ...] = (
            partial(repeated, text, draw),
            partial(expressed, text, draw),
            partial(numbered, text, draw),
            partial(wrapped, text, draw),
            partial(regrown, text, draw, pool),
            partial(changed, text, list(pool), draw),
        )
        new = changes[kind]()
        if new.strip() and len(new) <= LONGEST:
            text = new
    return text


# How they are kept.


class Population:
    """The most costly texts so far, for each command and measure; sound specs and others apart."""

    def __init__(self, commands: Sequence[str], draw: random.Random) -> None:
        self.commands = commands
        self.draw = draw
        self.seeds = [text for text in seeds("check") if len(text) <= LONGEST]
        self.seeds += [text for form in FORMS.values() if len(text := form(10)) <= LONGEST]
        self.kept: dict[tuple[str, str], list[tuple[float, str]]] = {}
        self.found: dict[tuple[str, str], Cost] = {}

    def parent(self, command: str) -> str:
        """A text to change: a seed at times, else one that is kept, mostly for the same command."""
        foreign = self.draw.random() < 0.2
        known = [one for key, texts in self.kept.items() if foreign or key[0] == command for one in texts]
        if not known or self.draw.random() < 0.2:
            return self.draw.choice(self.seeds)
        return self.draw.choice(known)[1]

    def try_one(self) -> tuple[str, str, Cost]:
        """Draw a text for a command, and keep it where it costs more than those that are kept."""
        command = self.draw.choice(self.commands)
        text = offspring(self.parent(command), self.draw, self.seeds)
        memory = self.draw.random() < 0.3
        measured = cost(command, text, memory=memory)
        if measured.too_much:  # once more: what a process does once, such as to import, is no cost of the text
            measured = cost(command, text, memory=memory)
        if not measured.sound:
            command = "problems"
        for measure, value in measured.measures(text).items():
            texts = self.kept.setdefault((command, measure), [])
            texts.append((value, text))
            texts.sort(key=lambda one: -one[0])
            del texts[KEPT:]
        if measured.too_much:
            self.found[command, text] = measured
        return command, text, measured


def main() -> None:
    """Search for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--command", action="append", choices=COMMANDS, help="may be repeated; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("found"), help="the folder for what is too much")
    options = parser.parse_args()
    population = Population(options.command or list(COMMANDS), random.Random(options.seed))
    end = time.monotonic() + options.minutes * 60
    count = 0
    highest: dict[tuple[str, str], float] = {}
    while time.monotonic() < end:
        command, text, measured = population.try_one()
        count += 1
        for measure, value in measured.measures(text).items():
            if value > 1.2 * highest.get((command, measure), 0):
                highest[command, measure] = value
                print(f"{count:7} {command:9} {measure:17} {value:14,.1f}  {len(text):5} characters", flush=True)
        if measured.too_much:
            options.output.mkdir(exist_ok=True)
            path = options.output / f"{command}_{options.seed}_{count}.yaml"
            path.write_text(f"# {command}: {measured.calls:,} calls, {measured.peak:,} bytes {measured.error}\n{text}")
    print(f"{count} texts, {len(population.found)} of them too much")


if __name__ == "__main__":
    main()

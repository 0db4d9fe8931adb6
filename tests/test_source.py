"""Reading YAML: what the tree holds, where things stand, what is refused, and that no text whatever does harm."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from work import calls, peak

from archspec import source
from archspec.problems import Problem, Span, SpecError
from archspec.source import Limits, composing, parse, read, read_stream

CHARACTERS = "ab01 \t\n\r:-?[]{},#&*!|>'\"%@`<~.()_\\ux\ufeff\x85\u2028\ud800é\x00"
PIECES = [
    "a: ", "- ", "\n", "  ", "[", "]", "{", "}", "&a ", "*a", "!!int ", "<<: ", "%TAG ! x\n", "---\n", "...\n", "f(1, ",
    "1_0", "010", "1e999", ".nan", "'", '"', "\\uD800", "|\n", "? ", ": ", ", ", "#", "\t", "\r", "x[0]", "b:1",
]  # fmt: skip
YAML_ISH = st.text(CHARACTERS, max_size=40) | st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@pytest.fixture(params=["libyaml", "python"])
def events(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers that PyYAML may come with."""
    if request.param == "python":
        monkeypatch.setattr(composing, "_EVENTS", yaml.BaseLoader)
    return str(request.param)


def problems(text: str, limits: Limits = source.LIMITS) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        parse(text, limits=limits)
    return caught.value.problems


def one(text: str, limits: Limits = source.LIMITS) -> Problem:
    found = problems(text, limits)
    assert len(found) == 1, found
    return found[0]


def marked(text: str, span: Span) -> str:
    """The piece of a text that a span covers."""
    lines = list(io.StringIO(text, newline=""))
    starts = [sum(map(len, lines[:i])) for i in range(len(lines) + 1)]
    return text[starts[span.line - 1] + span.column - 1 : starts[span.end_line - 1] + span.end_column - 1]


# --- scalars: YAML 1.2, chapter 10.3.2 ---------------------------------------------------------------------------

PLAIN = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "0": 0, "-0": 0, "+12": 12, "-19": -19, "0o14": 12, "0x3A": 58, "0xff": 255,
    "9223372036854775807": 2**63 - 1, "-9223372036854775808": -(2**63), "0x7fffffffffffffff": 2**63 - 1,
    "1e-5": 1e-5, "3e-4": 3e-4, "1e5": 1e5, "1.": 1.0, ".5": 0.5, "-1.5E+3": -1500.0, "+12.3e02": 1230.0, "-.5": -0.5,
    "0.0": 0.0, "0e99": 0.0, "1e-300": 1e-300, ".inf": math.inf, "-.inf": -math.inf, "+.INF": math.inf,
    "on": "on", "off": "off", "yes": "yes", "no": "no", "y": "y", "n": "n", "nULL": "nULL", "tRUE": "tRUE",
    "2024-99-99": "2024-99-99", "2001-12-14t21:59:43.10-05:00": "2001-12-14t21:59:43.10-05:00", "=": "=", "<<": "<<",
    "inf": "inf", "nan": "nan", "-.": "-.", ".e5": ".e5", "1e": "1e", "0o8": "0o8", "0xg": "0xg", "e5": "e5",
    "_1": "_1", "1:99": "1:99", "1 if i == 0 else 2": "1 if i == 0 else 2", "3x3": "3x3", "-x": "-x", "1.2.3": "1.2.3",
    "max(1, c // 4)": "max(1, c // 4)", "depths[0]": "depths[0]",
}  # fmt: skip
ODD = [
    "010",
    "-010",
    "+07",
    "00",
    "08",
    "1:30",
    "1:59:59",
    "-1:30.5",
    "1_000",
    "1_000.5",
    "0x_ff",
    "0b101",
    "-0x1F",
    "+0o7",
]
OUT_OF_RANGE = [
    ".nan", ".NaN", "1e999", "-1e999", "1e-999", "9223372036854775808",
    "-9223372036854775809", "0x8000000000000000", "1" * 5000, "0x" + "F" * 10**6, "9" * 10**6, "0." + "1" * 10**6,
]  # fmt: skip


@pytest.mark.parametrize("text", PLAIN)
def test_plain_scalars_follow_the_core_schema_and_quoted_ones_are_strings(text: str) -> None:
    value = parse(f"- {text}").data[0]
    assert (value, type(value)) == (PLAIN[text], type(PLAIN[text]))
    assert parse(f"[\"{text}\", '{text}']").data == [text, text]


@pytest.mark.parametrize("text", ODD)
def test_what_yaml_1_1_and_1_2_read_differently_is_an_error_with_a_hint(text: str) -> None:
    problem = one(f"a: {text}")
    assert (problem.code, problem.column, problem.end_column) == ("AS105", 4, 4 + len(text))
    assert problem.help
    assert parse(f"a: '{text}'").data == {"a": text}


@pytest.mark.parametrize("text", OUT_OF_RANGE, ids=lambda text: text[:20])
def test_numbers_out_of_range_are_errors_and_cost_nothing(text: str) -> None:
    assert calls(lambda: one(f"a: {text}"), most=3_000)
    assert one(f"a: {text}").code == "AS106"


def test_a_million_sexagesimal_places_cost_nothing() -> None:
    text = "1" + ":59" * 300_000
    assert calls(lambda: one(text), most=3_000)
    assert one(text).code == "AS105"


# --- keys, aliases and what the language leaves out --------------------------------------------------------------


def test_the_second_of_two_equal_keys_is_the_error_and_the_first_is_shown() -> None:
    problem = one('a: 1\nb: 2\n"a": 3\n')
    assert (problem.code, problem.line, problem.related[0].span.line) == ("AS103", 3, 1)


@pytest.mark.parametrize("key", ["1", "1.5", "true", "null", "~", "010", "1:30", ".nan", "[a]", "{a: 1}", "<<"])
def test_keys_are_strings(key: str) -> None:
    problem = one(f"{key}: x")
    assert (problem.code, problem.line, problem.column) == ("AS104", 1, 1)
    assert problem.help


def test_on_and_no_are_good_keys() -> None:
    assert parse('{on: 1, no: 2, y: 3, "1": 4, "<<": 5}').data == {"on": 1, "no": 2, "y": 3, "1": 4, "<<": 5}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: !!str 1", 1),
        ("a: !!python/object/apply:os.system [x]", 1),
        ("! a", 1),
        ("%YAML 1.1\n---\na", 1),
        ("# c\n%YAML 1.2\n%TAG ! x\n---\na", 3),
        ("a: 1\n---\nb: 2", 2),
        ("a: 1\n...\n%TAG ! x\n---\n", 3),
        ("&a [*a]", 1),
        ("&a {b: {c: *a}}", 1),
    ],
)
def test_features_of_yaml_that_are_left_out(events: str, text: str, line: int) -> None:
    problem = one(text)
    assert (problem.code, problem.line) == ("AS104", line)


def test_thousands_of_directives_cost_nothing() -> None:
    directives = "".join(f"%TAG !a{i}! b\n" for i in range(60_000))  # libyaml takes 4 s over them
    for text in (directives + "---\n", "a\n...\n" + directives + "---\n", "a: 1\n" + directives):
        assert calls(lambda text=text: one(text), most=200_000)
        assert one(text).code == "AS104"


def test_an_empty_document_is_none(events: str) -> None:
    for text in ("", "\n# nothing\n", "---\n", "--- # c\n...\n", "\ufeff", "%YAML 1.2\n---\n"):
        assert parse(text).data is None


def test_aliases_stand_for_the_anchors_value_and_have_a_place_of_their_own() -> None:
    read_ = parse("a: &x {k: [1, 2]}\nb: *x\n*s : 1\n".replace("*s ", "c"))
    assert read_.data == {"a": {"k": [1, 2]}, "b": {"k": [1, 2]}, "c": 1}
    assert read_.span(("b",)) == Span("<text>", 2, 4, 2, 6)
    assert read_.span(("b", "k", 1)) == read_.span(("a", "k", 1)) == Span("<text>", 1, 15, 1, 16)
    assert parse("a: &x k\n*x : 1").data == {"a": "k", "k": 1}
    assert one("a: *b").code == "AS101"


# --- limits ------------------------------------------------------------------------------------------------------


def test_alias_bombs_stop_at_the_limit_of_expanded_values(events: str) -> None:
    laughs = "a0: &a0 lol\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    merges = "a0: &a0 {k: 1}\n" + "".join(
        f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 3)}]\n" for i in range(1, 30)
    )
    assert calls(lambda: (problems(laughs), problems(merges)), most=200_000)
    assert problems(laughs)[-1].code == "AS102"
    assert {problem.code for problem in problems(merges)} == {"AS104", "AS102"}


def test_values_are_counted_exactly_and_keys_are_not() -> None:
    text = "a: &x [1, 2]\nb: [*x, *x]\n"  # the mapping, 3, 1 + 3 + 3
    assert parse(text, limits=Limits(nodes=11)).data
    assert one(text, Limits(nodes=10)).line == 2


def test_depth_counts_collections_also_behind_aliases(events: str) -> None:
    assert parse("[" * 64 + "]" * 64).data
    deep = one("[" * 65 + "]" * 65)
    assert (deep.code, deep.column) == ("AS102", 65)
    assert one("a: &x " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 24 + "*x" + "]" * 24).code == "AS102"
    assert one("\n".join(" " * i + "a:" for i in range(70))).code == "AS102"


def test_a_caller_may_raise_the_depth_beyond_pythons_own_stack() -> None:
    assert parse("[" * 5000 + "]" * 5000, limits=Limits(depth=5000)).data


def test_nesting_does_not_crash_the_interpreter() -> None:
    code = (
        "from archspec.source import parse\nfrom archspec.problems import SpecError\n"
        "for text in ('[' * 50000, '{a: ' * 50000, '- ' * 50000, '[? ' * 50000, '[\\n' * 50000):\n"
        "    try: parse(text)\n    except SpecError as error: assert error.problems[0].code == 'AS102'\n"
        "    else: raise SystemExit(3)\n"
    )
    root = Path(source.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0


def test_bytes_are_limited_in_texts_too() -> None:
    assert parse("é" * 4, limits=Limits(bytes=8)).data == "éééé"
    assert one("é" * 4, Limits(bytes=7)).code == "AS102"


def test_problems_are_collected_in_file_order_up_to_a_hundred() -> None:
    text = "a: 010\nb: 1e999\na: !!int 3\n1: .nan\n"
    assert [(p.line, p.code) for p in problems(text)] == [
        (1, "AS105"), (2, "AS106"), (3, "AS103"), (3, "AS104"), (4, "AS104"), (4, "AS106"),
    ]  # fmt: skip
    assert len(problems("- 010\n" * 5000)) == 100


# --- files -------------------------------------------------------------------------------------------------------


def refused(path: str | Path) -> Problem:
    with pytest.raises(SpecError) as caught:
        read(path)
    return caught.value.problems[0]


def test_only_regular_files_are_read_and_nothing_blocks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", "/dev/zero", tmp_path, tmp_path / "absent", "a\0b", "\ud800"):
        assert refused(path).code == "AS107", path


def test_files_are_utf_8_within_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\r\n")
    assert read(path) == "a: é\r\n"
    path.write_bytes("ok: é\na: \xe9".encode() + b"\xe9")
    problem = refused(path)
    assert (problem.code, problem.line, problem.column) == ("AS107", 2, 5)
    path.write_bytes("name: x".encode("utf-16"))
    assert refused(path).help == "save the file as UTF-8"
    path.write_bytes(b"#" * 2**20)
    assert len(read(path)) == 2**20
    path.write_bytes(b"#" * (2**20 + 1))
    assert refused(path).code == "AS102"


def test_a_stream_is_read_one_byte_beyond_the_limit() -> None:
    stream = io.BytesIO(b"x" * 100)
    with pytest.raises(SpecError):
        read_stream(stream, Limits(bytes=10))
    assert stream.tell() == 11


# --- places ------------------------------------------------------------------------------------------------------

PLACES = """\
name: Net  # c
"quoted key":   'a b'
doc: |
  two
  lines

params: {depths: [3, 4], big: 1e-5, e: , x: "y" }
layers:
  conv: &c
    Conv2d:
      out: 64
  list:
  - a
  - - b
    - [c, d: 1 ]
empty:

last: &z   5
"""


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (("name",), "Net", "name"),
        (("quoted key",), "'a b'", '"quoted key"'),
        (("doc",), "|\n  two\n  lines", "doc"),
        (("params",), '{depths: [3, 4], big: 1e-5, e: , x: "y" }', "params"),
        (("params", "depths"), "[3, 4]", "depths"),
        (("params", "depths", 1), "4", "4"),
        (("params", "big"), "1e-5", "big"),
        (("params", "e"), "", "e"),
        (("params", "x"), '"y"', "x"),
        (("layers", "conv"), "Conv2d:\n      out: 64", "conv"),
        (("layers", "conv", "Conv2d"), "out: 64", "Conv2d"),
        (("layers", "list"), "- a\n  - - b\n    - [c, d: 1 ]", "list"),
        (("layers", "list", 1), "- b\n    - [c, d: 1 ]", "- b\n    - [c, d: 1 ]"),
        (("layers", "list", 1, 1, 1), "d: 1", "d: 1"),
        (("empty",), "", "empty"),
        (("last",), "5", "last"),
        # out of the tree, as Pydantic's locations may lead: the deepest value that exists
        (
            ("params", "absent"),
            '{depths: [3, 4], big: 1e-5, e: , x: "y" }',
            '{depths: [3, 4], big: 1e-5, e: , x: "y" }',
        ),
        (("params", "depths", 7, "x"), "[3, 4]", "[3, 4]"),
        (("name", "str"), "Net", "Net"),
        (("layers", 0), None, None),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_places(events: str, newline: str, path: source.Path, value: str | None, key: str | None) -> None:
    text = PLACES.replace("\n", newline)
    found = parse(text)
    if value is None or key is None:
        assert found.span(path) == found.span(path[:-1])
        return
    assert marked(text, found.span(path)).replace(newline, "\n") == value
    assert marked(text, found.span(path, key=True)).replace(newline, "\n") == key


def test_an_empty_value_stands_behind_its_colon_and_lines_are_shown_whole() -> None:
    found = parse(PLACES, "net.yaml")
    assert found.span(("empty",)) == Span("net.yaml", 16, 7, 16, 7)
    assert found.span(("params", "big"), key=True).text == 'params: {depths: [3, 4], big: 1e-5, e: , x: "y" }'
    assert found.span(()).end_line == 18


leaf = st.sampled_from(["a", "-1.5e3", "'q ''q'", '"\\x41\\n b"', "é𝔘", "x y", "null", "on"])
trees = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("klm"), inner, max_size=3),
    max_leaves=15,
)


def written(tree: object, indent: int) -> str:
    """A tree of source pieces as YAML: collections in block style at even depth, in flow style at odd depth."""
    if isinstance(tree, str):
        return tree
    block = not indent % 4 and tree
    if isinstance(tree, list):
        items = [written(item, indent + 2) for item in tree]
        return (
            "\n".join(f"{' ' * indent}- {item}" for item in items) if block and indent == 0 else f"[{', '.join(items)}]"
        )
    assert isinstance(tree, dict)
    pairs = [f"{key}: {written(item, indent + 2)}" for key, item in tree.items()]
    return "\n".join(pairs) if block and indent == 0 else f"{{{', '.join(pairs)}}}"


def leaves(tree: object, path: source.Path = ()) -> list[tuple[source.Path, str]]:
    if isinstance(tree, str):
        return [(path, tree)]
    items = enumerate(tree) if isinstance(tree, list) else tree.items()  # type: ignore[attr-defined]
    return [found for step, item in items for found in leaves(item, (*path, step))]


@given(trees)
@settings(max_examples=200, deadline=None)
def test_the_place_of_every_scalar_is_its_source(tree: object) -> None:
    text = written(tree, 0)
    found = parse(text)
    for path, piece in leaves(tree):
        assert marked(text, found.span(path)) == piece


def test_lines_are_those_of_an_editor() -> None:
    for char in "\x85\u2028\u2029":  # a line break for libyaml, in a comment too; for an editor none
        problem = one(f"a: 1 # c{char}b: 2")
        assert (problem.code, problem.line, problem.column) == ("AS101", 1, 9)
        assert parse(f'a: "\\{dict(zip(chr(0x85) + chr(0x2028) + chr(0x2029), "NLP", strict=True))[char]}"').data == {
            "a": char
        }
    assert parse("a: 1\rb: 2\r\nc: [\r  3]").span(("c", 0)) == Span("<text>", 4, 3, 4, 4)
    assert parse("\ufeffa: 1").span(("a",), key=True).column == 1


@pytest.mark.parametrize("char", ["\x00", "\x07", "\x1b", "\x7f", "\x0b", "\x0c", "\x1c", "\ud800", "\ufffe", "\ufeff"])
def test_characters_that_may_not_stand_in_a_text(char: str) -> None:
    problem = one(f"a: x{char}")
    assert (problem.code, problem.line, problem.column) == ("AS101", 1, 5)


def test_escapes_of_surrogates_are_no_strings(events: str) -> None:
    for escape in ("\\uD800", "\\uD83D\\uDE00", "\\U00110000", "\\UFFFFFFFF", "\\q", "\\x"):
        assert one(f'a: "{escape}"').code == "AS101"


# --- messages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "piece", "quoted"),
    [
        ("{squeeze: max(1, c // 4)}", "max(1", '"max(1, c // 4)"'),
        ("{a: max(1, 010, 2, 2) // 4, b: 1}", "max(1", '"max(1, 010, 2, 2) // 4"'),
        ("{B: {w: 1}, for: i in range(depths[1])}", "i in range(depths", '"i in range(depths[1])"'),
        ("{ReLU: , repeat: depths[0]}", "depths", '"depths[0]"'),
        ("[N, max(h, 1), 3]", "max(h", '"max(h, 1)"'),
        ("{y: reshape(x, [0, 2])}", "reshape(x", '"reshape(x, [0, 2])"'),
        ('{y: f("a", 1)}', 'f("a"', "'f(\"a\", 1)'"),
        ("{name: conv{i}}", "conv", '"conv{i}"'),
        ("{a: f(1, b: 2", "f(1", "the whole value"),
    ],
)
def test_an_expression_that_flow_style_splits_is_one_problem(events: str, text: str, piece: str, quoted: str) -> None:
    problem = one(text)
    assert problem.code == "AS101"
    assert marked(text, problem.span) == piece
    assert quoted in problem.help
    assert "block style" in problem.help


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("name:Foo\nlayers: 1", (1, 1), "write `name: Foo`"),
        ("a: 1\nb:2\nc: 3", (2, 1), "write `b: 2`"),
        ("{a:1}", (1, 2), "write `a: 1`"),
        ("a:\n\tb: 1", (2, 1), "indent with spaces"),
        ("a:\n  b: 1\n\tc: 2", (3, 1), "indent with spaces"),
        ("a: [1, 2\nb: 3", (1, 4), "not closed"),
        ("a: {b: 1", (1, 4), "not closed"),
        ("a: 'foo\nb: 1", (1, 4), "quote that is not closed"),
        ("doc: foo: bar", (1, 9), "quote the value"),
        ("doc: see:this and: that", (1, 18), "quote the value"),
        ("a: 1\n  b: 2", (2, 3), "end the line above with `:`"),
        ("a: @x", (1, 4), "`@` cannot begin a value"),
        ("a: %x", (1, 4), "`%` cannot begin a value"),
        ("a: ]", (1, 4), "`]` cannot begin a value"),
        ("a:\n  b: 1\n c: 2", (3, 2), "indentation"),
        ("a: [1, 2][i]", (1, 10), "quote all of it"),
        ('a: "x" + y', (1, 8), "quote all of it"),
        ('"x" + y', (1, 5), "quote all of it"),
        ("a: - b", (1, 4), "a line of its own"),
        ("a: *", (1, 4), "meaning of its own"),
        ("a: >x", (1, 4), "meaning of its own"),
        ("- a\nb: 1", (2, 1), "indentation"),
        ("a: 1\nb", (2, 1), "without a key"),
    ],
)
def test_syntax_errors_say_what_to_write(events: str, text: str, place: tuple[int, int], words: str) -> None:
    problem = one(text)
    assert (problem.code, (problem.line, problem.column)) == ("AS101", place), str(problem)
    assert words in problem.message + problem.help
    assert not problem.message[0].isupper()


# --- whatever comes ----------------------------------------------------------------------------------------------


def holds(text: str) -> object:
    """Reads anything: a tree whose values can be encoded, or problems with places inside the text."""
    try:
        found = parse(text)
    except SpecError as error:
        found_problems = error.problems
    else:
        repr(found.data).encode()
        found.span(("a", 0, "b"), key=True)
        return found.data
    assert found_problems
    lines = text.count("\n") + text.count("\r") + 1
    assert all(1 <= p.line <= p.end_line <= lines and p.column >= 1 and p.message for p in found_problems)
    return SpecError


@given(st.text(max_size=60) | YAML_ISH)
@settings(max_examples=1500, deadline=None)
def test_no_text_raises_anything_but_spec_error(text: str) -> None:
    holds(text)


@given(YAML_ISH)
@settings(max_examples=700, deadline=None)
def test_without_libyaml_the_same_trees_are_read(text: str) -> None:
    first = holds(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composing, "_EVENTS", yaml.BaseLoader)
        second = holds(text)
    if first is not SpecError and second is not SpecError:
        assert first == second


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise_anything_but_spec_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    try:
        text = read(path)
    except SpecError:
        return
    assert text == read_stream(io.BytesIO(data))
    holds(text)


def test_cost_is_linear_in_the_document() -> None:
    def cost(layers: int) -> int:
        text = "layers:\n" + "".join(
            f"  conv{i}:\n    Conv2d:\n      out: {i}\n      pad: same\n" for i in range(layers)
        )

        def read_all() -> None:
            found = parse(text)
            for i in range(layers):
                found.span(("layers", f"conv{i}", "Conv2d", "pad"))

        return calls(read_all)

    cost(10)  # what is done once
    assert cost(15_000) / cost(1_500) < 11


def test_a_long_line_is_not_copied_for_each_place() -> None:
    found = parse("[" + "1, " * 90_000 + "1]")

    def places() -> None:
        for i in range(200):
            found.span((i,))

    places()
    assert peak(places) < 100_000  # the line itself is longer
    assert calls(places, most=20_000)

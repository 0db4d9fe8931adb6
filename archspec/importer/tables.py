"""Model tables of ultralytics as specs: rows `[from, repeats, module, args]` become steps with names. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import Any

from archspec import source
from archspec.importer.gaps import CODE
from archspec.importer.library import MODULES, BlockLibrary, Module
from archspec.importer.naming import clean
from archspec.importer.yaml_text import document
from archspec.layers import LAYERS
from archspec.problems import Problem, SpecError, did_you_mean, echo

_PARTS = ("backbone", "head")
_KEYS = frozenset((*_PARTS, "nc", "ch", "scales", "depth_multiple", "width_multiple", "reg_max", "activation"))
_TABLE = "a table of ultralytics has `backbone:` and `head:`, each a list of rows `[from, repeats, module, args]`"
_KNOWN = f"take it out, if the network is the same without it; known are {', '.join(sorted(_KEYS))}"
_ROW = "write it as `[from, repeats, module, args]`, like `[-1, 1, Conv, [64, 3, 2]]`"
_SCALE = "write it as `n: [depth, width, max_channels]`"
_WORDS = {"None": None, "True": True, "False": False}


def spec_of(text: str, path: str, name: str) -> str:
    """The spec of a model table. SpecError where it is none, or names what has no block here."""
    return _ModelTable(source.parse(text, path), name).spec()


@dataclass(slots=True)
class _Row:
    """One row that was read: where it stands, and what it says."""

    place: source.Path
    sources: list[int]
    repeats: int
    module: str
    args: list[Any]
    step: str = ""
    stride: Fraction = Fraction(1)
    """How many pixels of the image a cell of the result is wide."""


@dataclass(slots=True)
class _ModelTable:
    """One table on its way to a spec."""

    read: source.Source
    name: str
    problems: list[Problem] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)
    computed: dict[str, str] = field(default_factory=dict)
    """What stands in `let`."""
    library: BlockLibrary = field(default_factory=BlockLibrary)

    def spec(self) -> str:
        """The text. SpecError with all that is wrong with the table."""
        self._read()
        self._stop()
        steps = {row.step: self._step(number, row) for number, row in enumerate(self.rows)}
        self._stop()
        return self._text(steps)

    def _stop(self) -> None:
        if self.problems:
            raise SpecError(self.problems)

    def _wrong(self, place: source.Path, message: str, hint: str = "", *, key: bool = False) -> None:
        self.problems.append(Problem(CODE, message, self.read.span(place, key=key), hint))

    # reading

    def _read(self) -> None:
        data = self.read.data
        missing = [one for one in _PARTS if not isinstance(data, dict) or not isinstance(data.get(one), list)]
        if missing:
            place: source.Path = (missing[0],) if isinstance(data, dict) and missing[0] in data else ()
            message = f"no list of rows below `{missing[0]}`: this is not a model table of ultralytics"
            self._wrong(place, message, _TABLE)
            return
        for key in data:
            if key not in _KEYS:
                self._wrong((key,), f"the key {echo(key)} of a model table is not supported", _KNOWN, key=True)
        self._read_scales()
        for part in _PARTS:
            for number, row in enumerate(data[part]):
                self._read_row((part, number), row)

    def _read_row(self, place: source.Path, row: Any) -> None:
        index = len(self.rows)
        form = isinstance(row, list) and len(row) == 4 and isinstance(row[2], str) and isinstance(row[3], list)
        if not form or not _is_count(row[1]):
            self._wrong(place, "this is not a row of a model table", _ROW)
            row = [-1, 1, "nn.Identity", []]
        origin, repeats, module, args = row
        sources = [self._source((*place, 0), index, one) for one in (origin if isinstance(origin, list) else [origin])]
        known = module.removeprefix("nn.") in LAYERS if module.startswith("nn.") else module in MODULES
        if not known:
            names = [*MODULES, *(f"nn.{one}" for one in LAYERS)]
            hint = did_you_mean(module, names) or f"supported modules: {', '.join(MODULES)}, nn.…"
            self._wrong((*place, 2), f"unknown module {echo(module)}", hint)
        step = f"{clean(module.removeprefix('nn.')).lower()}{index}"
        self.rows.append(_Row(place, sources, repeats, module, [_plain(one) for one in args], step))

    def _source(self, place: source.Path, index: int, value: Any) -> int:
        """The number of the row that a row reads; -1 for the image."""
        number = index + value if type(value) is int and value < 0 else value
        if type(value) is int and (0 <= number < index or value == -1):
            return int(number)
        self._wrong(place, f"{echo(str(value))} is not a row above this one", f"rows count from 0, this is row {index}")
        return -1

    def _read_scales(self) -> None:
        scales = self.read.value(("scales",))
        if scales is None:
            return
        if not isinstance(scales, dict) or not scales:
            self._wrong(("scales",), "`scales` is not a mapping", _SCALE)
            return
        for key, value in scales.items():
            numbers = isinstance(value, list) and all(type(one) in (int, float) for one in value)
            if not numbers or len(value) != 3:
                self._wrong(("scales", key), f"the scale {echo(key)} is not three numbers", _SCALE)

    # parameters

    def _scale(self, key: str) -> dict[str, Any]:
        """The parameters of one scale."""
        depth, width, channels = self.read.data["scales"][key]
        found: dict[str, Any] = {"depth": float(depth), "width": float(width), "max_channels": int(channels)}
        return {**found, "c3k": key in ("m", "l", "x")} if self._is_scaled_c3k else found

    @property
    def _is_scaled_c3k(self) -> bool:
        """Whether the scale decides what C3k2 is made of: ultralytics does so where the scales have these names."""
        scales = self.read.value(("scales",)) or {}
        return bool({"m", "l", "x"} & set(scales)) and any(row.module == "C3k2" for row in self.rows)

    def _params(self) -> dict[str, Any]:
        classes = self.read.value(("nc",))
        found: dict[str, Any] = {} if classes is None else {"num_classes": classes}
        scales = self.read.value(("scales",))
        if scales:
            return {**found, **self._scale(next(iter(scales)))}
        for name in ("depth", "width"):
            value = self.read.value((f"{name}_multiple",))
            if value is not None:
                found[name] = float(value)
        return found

    def _channels(self, place: source.Path, value: Any) -> Any:
        """A number of channels as the scale has it."""
        if not _is_count(value):
            self._wrong(place, f"{echo(str(value))} is not a number of channels", "write an integer")
            return value
        params = self._params()
        if "width" not in params:
            return -(-value // 8) * 8
        whole = f"min({value}, max_channels)" if "max_channels" in params else str(value)
        self.computed[f"c{value}"] = f"8 * ceil({whole} * width / 8)"
        return f"c{value}"

    def _repeats(self, value: int) -> Any:
        if value == 1 or "depth" not in self._params():
            return value
        self.computed[f"n{value}"] = f"max(round({value} * depth), 1)"
        return f"n{value}"

    # rows

    def _step(self, number: int, row: _Row) -> Any:
        """A row as a step."""
        row.stride = self.rows[row.sources[0]].stride if row.sources[0] >= 0 else Fraction(1)
        if row.module == "Concat":
            if row.args not in ([], [1]):
                self._wrong((*row.place, 3), "Concat joins other axes than the channels", "write `[1]`")
            return f"cat([{', '.join(self._value(one) for one in row.sources)}], 1)"
        step = self._torch(row) if row.module.startswith("nn.") else self._module(row)
        above = [number - 1] if number else [-1]
        if number and self.rows[number - 1].module == "Detect":
            self._wrong(row.place, "a row below `Detect`", "the head must be the last row")
        origin: Any = [self._value(one) for one in row.sources]
        kept = {} if row.sources == above else {"from": origin if len(origin) > 1 else origin[0]}
        return {**kept, **step, "name": str(number)}

    def _value(self, number: int) -> str:
        return self.rows[number].step if number >= 0 else "image"

    def _torch(self, row: _Row) -> dict[str, Any]:
        """A row with a layer of torch.nn, whose arguments stand in PyTorch's order."""
        layer = row.module.removeprefix("nn.")
        arguments = {name: one for name, one in LAYERS[layer].arguments.items() if one.kind not in ("device", "dtype")}
        given = self._named(row, list(arguments), row.args)
        for name, value in given.items():
            if arguments[name].inferred and isinstance(value, str):
                self._wrong((*row.place, 3), f"{echo(value)} is not a number", "write an integer")
        row.stride *= _stride(layer, given)
        kept = {
            name: value
            for name, value in given.items()
            if not arguments[name].inferred and (arguments[name].without_default or value != arguments[name].default)
        }
        repeat = {} if row.repeats == 1 else {"repeat": self._repeats(row.repeats)}
        return {layer: kept, **repeat}

    def _module(self, row: _Row) -> dict[str, Any]:
        """A row with a module of ultralytics, as the block that does the same."""
        module = MODULES[row.module]
        args = list(row.args)
        given: dict[str, Any] = {}
        if module.first is not None:
            if not args:
                self._wrong((*row.place, 3), f"`{row.module}` without `{module.first}`", _ROW)
                return {}
            first = args.pop(0)
            given[module.first] = self._channels((*row.place, 3, 0), first) if module.scaled else first
        repeats = self._repeats(row.repeats)
        if module.repeated and repeats != 1:
            given["n"] = repeats
        given |= self._named(row, list(module.arguments), args)
        if row.module == "SPPF" and len(row.args) > 2:
            given["activation"] = "Identity"  # ultralytics tells the SPPF of YOLO26 from the former one by this
        defaults = self.library.defaults(module.block)
        if row.module == "C3k2" and self._is_scaled_c3k:
            given["c3k"] = True if given.get("c3k") else "c3k"
        given = {name: one for name, one in given.items() if name not in defaults or not _same(one, defaults[name])}
        row.stride *= Fraction(given.get("stride", 1)) if _is_count(given.get("stride", 1)) else 1
        repeat = {} if module.repeated or row.repeats == 1 else {"repeat": repeats}
        return {self._block(row, module, given): given, **repeat}

    def _block(self, row: _Row, module: Module, given: dict[str, Any]) -> str:
        """The name of a row's block; a head is written for the levels that it reads."""
        if row.module != "Detect":
            self.library.use(module.block)
            return module.block
        reg_max = self.read.value(("reg_max",))
        if reg_max is not None and reg_max != 16:
            given["reg_max"] = reg_max
        strides = [self.rows[one].stride for one in row.sources if one >= 0]
        if len(strides) != len(row.sources) or any(one.denominator != 1 for one in strides):
            self._wrong((*row.place, 0), "`Detect` reads rows that are not smaller than the image", _ROW)
            strides = [Fraction(1)]
        plain = not any(one.module == "C3k2" for one in self.rows)
        self.library.detect([int(one) for one in strides], plain)
        return "Detect"

    def _named(self, row: _Row, names: list[str], args: list[Any]) -> dict[str, Any]:
        if len(args) > len(names):
            hint = f"it takes {', '.join(names)}" if names else "it takes none"
            self._wrong((*row.place, 3), f"`{row.module}` has {len(args) - len(names)} arguments too many", hint)
        return {name: value for name, value in zip(names, args, strict=False) if value is not None}

    # text

    def _text(self, steps: Mapping[str, Any]) -> str:
        params = self._params()
        largest = lcm(*(max(row.stride.numerator, 1) for row in self.rows))
        height, width = ("H", "W") if largest == 1 else (f"{largest} * h", f"{largest} * w")
        title = self.name if self.name.isidentifier() else clean(self.name)
        entries: dict[str, Any] = {"name": _class_name(title), "doc": "A model table of ultralytics as a spec."}
        entries["params"] = params
        variants = {f"{title}{key}": self._scale(key) for key in self.read.value(("scales",)) or {}}
        activation = self._activation()
        self._stop()
        entries["variants"] = variants
        entries["let"] = dict(sorted(self.computed.items(), key=lambda one: (one[0][0], int(one[0][1:]))))
        entries["inputs"] = {"image": ["N", self.read.value(("ch",)) or 3, height, width]}
        entries["layers"] = {"model": {"layers": dict(steps)}}
        said = document({key: value for key, value in entries.items() if value})
        return f"{said}\nblocks:\n{self.library.text(activation)}"

    def _activation(self) -> str | None:
        """The layer that stands for SiLU in all blocks; None where the table does not say."""
        text = self.read.value(("activation",))
        if text is None:
            return None
        layer = str(text).removeprefix("torch.").removeprefix("nn.").removesuffix("()")
        if layer in LAYERS and str(text).endswith("()"):
            return layer
        self._wrong(("activation",), f"{echo(str(text))} is not a layer without arguments", "write it as `nn.ReLU()`")
        return None


def _class_name(title: str) -> str:
    return f"YOLO{title[4:]}" if title.startswith("yolo") else title[:1].upper() + title[1:]


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _plain(value: Any) -> Any:
    """An argument as ultralytics reads it: words of Python are its values, `nc` is the number of classes."""
    if isinstance(value, str):
        return "num_classes" if value == "nc" else _WORDS.get(value, value)
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _stride(layer: str, given: Mapping[str, Any]) -> Fraction:
    """By how much a layer of torch.nn makes the cells wider."""
    if layer.startswith("Upsample"):
        return 1 / Fraction(given.get("scale_factor", 1))
    step = given.get("stride", given.get("kernel_size", 1) if "Pool" in layer else 1)
    return Fraction(step) if _is_count(step) else Fraction(1)

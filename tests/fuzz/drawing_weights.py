"""Draws what is said of weights and modules: `init`, `parametrize`, `trainable`, names of their own, `call: false`."""

from __future__ import annotations

import re
from typing import Any

from drawing_layers import layer
from drawing_lists import Lists
from drawing_scopes import Scope
from torch import Tensor

ANY = "normal_(std=0.02) normal_(std=scale) zeros_ ones_ constant_(scale) uniform_ trunc_normal_(std=0.1)".split()
ANY += ["uniform_(-1, 1)", "normal_(0.5, std=0.1)"]
WIDE = "xavier_uniform_ xavier_normal_ orthogonal_ kaiming_normal_(nonlinearity=relu) kaiming_uniform_(a=1)".split()
WIDE += ["kaiming_normal_(mode=fan_out, nonlinearity=relu)", "sparse_(sparsity=0.5)", "eye_", "dirac_"]
PARAMETRIZED = [
    "weight_norm",
    "spectral_norm",
    "orthogonal",
    "spectral_norm(n_power_iterations=2)",
    "weight_norm(dim=1)",
]
HELD = ("Linear", "Conv1d", "Conv2d", "LayerNorm", "BatchNorm1d", "BatchNorm2d", "Embedding", "GRU", "LSTM", "Bilinear")


class Weights(Lists):
    """Adds to steps what may be said of them."""

    def beside(self, scope: Scope, key: str, raw: dict[str, Any]) -> dict[str, Any]:
        """A step with something that is said of its weights, or of its module."""
        may, choose = self.sketch.may, self.random.choice
        loops = bool({"for", "repeat", "each"} & raw.keys())
        more: dict[str, Any] = {}
        if may("init", 0.12):
            more["init"] = self.filled(scope, raw, loops)
        if may("trainable", 0.06):
            more["trainable"] = False
        if may("parametrize", 0.1) and any(kind in raw for kind in ("Linear", "Conv1d", "Conv2d", "Bilinear")):
            more["parametrize"] = {"weight": choose(PARAMETRIZED)}
        return {**raw, **{one: value for one, value in more.items() if value}}

    def filled(self, scope: Scope, raw: dict[str, Any], loops: bool) -> dict[str, str]:
        """`init` for some weights of a step."""
        choose = self.random.choice
        known = [text for text in ANY if "scale" not in text or "scale" in scope.numbers(float)]
        if "layers" in raw or not any(kind in raw for kind in HELD):
            return {choose(["*weight", "*.bias", "*bias", "0.weight", "fc.bias"]): choose(known)}
        found = {"weight": choose([*known, *WIDE]), "bias": choose(known)}
        if "GRU" in raw or "LSTM" in raw:
            return {choose(["weight_hh*", "bias_ih_l0", "weight_ih_l0"]): choose(known)}
        bound = re.match(r"(\w+) in ", str(raw.get("for", raw.get("each", ""))))
        if bound and self.random.random() < 0.3 and "shared" not in raw:
            found["bias"] = f"constant_({bound[1]})"
        chosen = self.random.choice([("weight",), ("bias",), ("weight", "bias")])
        return {one: text for one, text in found.items() if one in chosen}

    def uncalled(self, scope: Scope) -> bool:
        """A module that is made, and not run."""
        if not self.sketch.may("call") or scope.must_flow:
            return False
        name, source = self.source(scope)
        x = scope.value(name) if name else None
        raw = layer(scope, x, self.width(scope)) if isinstance(x, Tensor) else None
        if raw is None or name is None:
            return False
        given = {"from": name} if source is not None or name != scope.current or scope.current is None else {}
        return scope.attempt(scope.fresh(), {**self.as_mapping(raw), **given, "call": False})

    def at_the_top(self) -> dict[str, Any]:
        """Rules for the whole network."""
        spec, choose = self.sketch.spec, self.random.choice
        text = str([spec["layers"], spec["blocks"]])
        if re.search(r"'(weight|bias)': '\w+\.", text):
            return {}  # which rule a shared weight follows, its names leave open
        known = [one for one in ANY if "scale" not in one]
        found: dict[str, Any] = {}
        for kind in [one for one in HELD if f"'{one}'" in text and one not in ("GRU", "LSTM")]:
            if self.random.random() < 0.5:
                pool = [*known, *(WIDE[:5] if kind not in ("LayerNorm", "BatchNorm1d", "BatchNorm2d") else [])]
                found[kind] = {"weight": choose(pool), **({"bias": choose(known)} if choose([True, False]) else {})}
        names = re.findall(r"'(\w+)': (?:\{'from': '\w+', )?(?:\{)?'?(?:Linear|Conv2d|LayerNorm)", str(spec["layers"]))
        for name in names[:2]:
            found[choose([f"{name}.weight", f"{name}.bias", f"{name}.*"])] = choose(known)
        for name, block in list(spec["blocks"].items())[:2]:
            inner = re.findall(r"'(\w+)': \{'Linear'", str(block["layers"]))
            if inner and self.random.random() < 0.5:
                found[name] = {f"{inner[0]}.{choose(['weight', 'bias'])}": choose(known)}
        if self.random.random() < 0.3:
            found[choose(["*.bias", "*.weight", "*0.weight"])] = choose(known)
        return found

"""Why PyTorch rejects a spec, for all sizes of its free dimensions that are large enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from naive import Network
from naive_values import FormError, NumbersError
from torch import nn

STEPS = ("S", "T")
"""Lengths of sequences: meta kernels go through recurrent layers step by step."""


def draws(names: list[str]) -> Iterator[dict[str, int]]:
    """Sizes for the free dimensions: all distinct, large, and of all kinds of remainders."""
    for start, step in ((241, 30), (194, 26)):
        sizes = {name: start + step * place for place, name in enumerate(names)}
        yield {name: size // 16 + 1 if name in STEPS else size for name, size in sizes.items()}


LARGER = 8640
"""What is added to sizes to see if they were only too small: it leaves their remainders as they are."""

SMALL = {"N": 3, "M": 4, "H": 67, "W": 70, "h": 2, "w": 3, "B": 3, "T": 7, "S": 5, "points": 6}


def judge(text: str) -> str | None:
    """Why PyTorch rejects a spec; None if it runs, in training and after it, for all sizes that are large enough.

    FormError where the text is no spec. Shapes are asked on PyTorch's meta device, for several sizes of each free
    dimension; what the meta kernels do not look at, such as dtypes, is asked once on the CPU.
    """
    meta = Network(text, "meta")
    names = meta.free_names()
    for sizes in draws(names):
        why = attempt_larger(meta, sizes, True)
        if why is not None:
            return why
        if not names:
            break
    sizes = {name: SMALL.get(name, 6 + place) for place, name in enumerate(names)}
    if sum(p.numel() for m in meta.modules.values() if isinstance(m, nn.Module) for p in m.parameters()) > 2**24:
        return attempt_larger(meta, next(draws(names)), False)
    why = attempt(Network(text, "cpu"), sizes)
    if why is not None and "is out of bounds for dimension" in why:
        raise NumbersError(why)
    if why is not None and names and attempt(Network(text, "meta"), sizes) is not None:
        return attempt_larger(meta, next(draws(names)), False)  # too small for this one
    return why


def witness(text: str, sound: str) -> str | None:
    """Why PyTorch rejects a spec for some small sizes for which it runs the sound one; None if it does not."""
    names = Network(text, "meta").free_names()
    if set(names) - set(Network(sound, "meta").free_names()):
        return None
    for start in (7, 3, 4, 2, 1):
        sizes = {name: start + place for place, name in enumerate(names)}
        why = attempt(Network(text, "meta"), sizes, (False,))
        if why is not None and attempt(Network(sound, "meta"), sizes, (False,)) is None:
            return f"for {sizes}: {why}"
    return None


def attempt_larger(network: Network, sizes: Mapping[str, int], training: bool) -> str | None:
    """Why PyTorch rejects it for those sizes in one mode, and for far larger ones in both."""
    why = attempt(network, sizes, (training,))
    if why is None or not sizes:
        return why
    return attempt(network, {name: 6 * size if name in STEPS else size + LARGER for name, size in sizes.items()})


def attempt(network: Network, sizes: Mapping[str, int], modes: tuple[bool, ...] = (True, False)) -> str | None:
    """Why PyTorch rejects it for those sizes."""
    try:
        for training in modes:
            network.run(sizes, training)
    except (FormError, MemoryError):
        raise
    except RuntimeError as error:
        if "meta tensors" in str(error):  # it depends on numbers
            return None
        return f"{type(error).__name__}: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None

"""Values whose axes are not in the order in which a layer reads them, or that lack one: images and feature maps.

Such a layer runs, and computes something else than was meant; so each of these says what to write if it is meant.
"""

from __future__ import annotations

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.layers import Layer
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.lower.history import channels_first, unchanged
from archspec.problems import Related
from archspec.source import Path
from archspec.tensors import TensorType, flow_text

_COLOURS = (1, 3, 4)
_SMALLEST_IMAGE = 8


def in_order_of_axes(frame: Frame, layer: Layer, given: Given, at: Path) -> bool:
    """Whether the axes of what flows in are those that a layer reads; reported if they are not."""
    if not frame.lowering.unroll:
        return True
    return (
        flattened(frame, layer, given, at)
        and with_channels(frame, layer, given, at)
        and with_channels_first(frame, layer, given, at)
    )


def flattened(frame: Frame, layer: Layer, given: Given, at: Path) -> bool:
    """Whether Linear is not given a feature map: it would read the last axis alone, which is hardly ever meant."""
    x = given.first()
    if type(layer).__name__ != "Linear" or "in_features" in layer.given:
        return True
    if not isinstance(x, TensorType) or x.rank < 4 or not channels_first(given.made, x):
        return True
    last, flat = x.shape[-1], dimensions.product(x.shape[1:])
    pool = "" if isinstance(flat, int) else "`AdaptiveAvgPool2d: 1` and "
    count = f": in_features would be {int(flat)}" if isinstance(flat, int) else ""
    message = f"Linear would read the last axis of {x} alone, its {dimensions.show(last)} columns"
    advice = f"put {pool}`Flatten` before it{count}"
    if isinstance(last, int):
        advice += f"; if you mean the last axis, write `in_features: {last}`"
    frame.report.add_to_type("AS501", message, at, advice, related=input_origins(given))
    return False


def with_channels(frame: Frame, layer: Layer, given: Given, at: Path) -> bool:
    """Whether a convolution does not take a batch of images without channels for one image."""
    x = given.first()
    if not _infers_channels(layer) or not isinstance(x, TensorType) or x.rank != layer.spatial + 1:
        return True
    if "in_channels" not in layer.arguments or not _is_free(x.shape[0]):
        return True
    name = type(layer).__name__
    batch, *sizes = map(dimensions.show, x.shape)
    message = f"{name} would take {x} for one input of {batch} channels: the channel axis is missing"
    advice = f"write the input as `[{', '.join((batch, '1', *sizes))}]`"
    if not unchanged(given.made):
        advice = f"add it with `unsqueeze`: `[{', '.join((batch, '1', *sizes))}]`"
    frame.report.add_to_type("AS501", message, at, advice, related=input_origins(given))
    return False


def with_channels_first(frame: Frame, layer: Layer, given: Given, at: Path) -> bool:
    """Whether an image that flows in as it is has its channels where a layer looks for them."""
    x = given.first()
    if not _infers_channels(layer) or not isinstance(x, TensorType):
        return True
    if layer.spatial != 2 or x.rank != 4 or not _channels_last(x.shape[1:]):
        return True
    if not unchanged(given.made):  # asked last: it looks at all that led here
        return True
    name = type(layer).__name__
    batch, height, width, channels = map(dimensions.show, x.shape)
    message = f"the channels of {x} come last, but {name} takes them first"
    advice = (
        f"write the input as `[{batch}, {channels}, {height}, {width}]`, or put `permute(x, [0, 3, 1, 2])` before it"
    )
    if isinstance(x.shape[1], int):
        argument = "in_channels" if "in_channels" in layer.arguments else "num_features"
        advice += f"; if you mean axis 1, write `{argument}: {height}`"
    frame.report.add_to_type("AS502", message, at, advice, related=input_origins(given))
    return False


def _infers_channels(layer: Layer) -> bool:
    """Whether a layer has to learn from what flows in how many channels there are."""
    names = {"in_channels", "num_features"} & layer.arguments.keys()
    return bool(names) and layer.spatial > 0 and not names & layer.given.keys()


def _channels_last(shape: tuple[Size, ...]) -> bool:
    """Whether the axes behind the batch are those of an image with its colours last: [224, 224, 3]."""
    height, width, colours = shape
    if not isinstance(colours, int) or colours not in _COLOURS:
        return False
    if isinstance(height, int) and isinstance(width, int):
        return min(height, width) >= _SMALLEST_IMAGE and (height == width or colours > 1)
    return _is_free(height) and _is_free(width)


def _is_free(size: Size) -> bool:
    """Whether a size is one that only the input knows."""
    return isinstance(size, Dimension) and any(symbol.free for symbol in dimensions.symbols(size))


def input_origins(given: Given) -> tuple[Related, ...]:
    """Where the input of a step comes from, for a message."""
    first = given.first()
    if first is None:
        return ()
    return Related(f"{flow_text(first)} comes from {given.label}", given.span), *given.others

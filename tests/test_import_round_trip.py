"""Specs that become classes and come back: what is imported from a generated class is the network that it was."""

from __future__ import annotations

import inspect

import pytest
import test_models as models

import archspec
from archspec.importer.gaps import Imported

LONGEST = 1.5
"""How many times the lines of a spec the imported one may have."""

RETURNING = (
    "audio/wavenet audio_m5 autoencoder conv2d generative/dcgan_discriminator generative/dcgan_generator"
    " generative/diffusion_unet generative/vae lenet5 mlp mlp_configurable recommendation/dlrm text/bert text/gpt2"
    " text/llama text/lstm_classifier text/seq2seq text/transformer tinyvgg vision/convnext vision/densenet"
    " vision/mobilenet_v2 vision/mobilenet_v3 vision/pointnet vision/regnet vision/resnet vision/resnet_basic"
    " vision/siamese vision/squeezenet vision/unet vision/vit"
).split()
"""Specs that come back; the others are not known to."""


def imported(name: str) -> Imported:
    """The spec of a generated class, made with the first of a spec's settings."""
    params = (models.OTHER_PARAMETERS.get(name) or [{}])[0]
    kind = models.generated_class(name)
    names = list(inspect.signature(kind.forward).parameters)[1:]
    inputs = dict(zip(names, models.examples(name, params), strict=False))
    return archspec.import_module(kind, inputs, args=params, partial=True)


def lines(text: str) -> int:
    return sum(bool(one.strip()) and not one.strip().startswith("#") for one in text.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("name", RETURNING)
def test_a_generated_class_comes_back_as_its_spec(name: str) -> None:
    params = (models.OTHER_PARAMETERS.get(name) or [{}])[0]
    found = imported(name)
    assert found.verified, [*map(str, found.gaps), *found.differences]
    assert lines(found.text) <= LONGEST * lines((models.SPECS / f"{name}.yaml").read_text("utf-8"))
    back = archspec.parse(found.text, "back.yaml")
    changes = archspec.diff(models.load(name), back, old_params=params)
    assert changes.equal or "all of them" in str(changes), changes  # every weight fits by key and shape
    old, new = (archspec.summary(one, params=given) for one, given in ((models.load(name), params), (back, {})))
    assert old.parameters == new.parameters

"""What the names in keys mean: `attention.self.query`, `attn.wq` and `self_attn.q_proj` are one thing.

The words are those of the field, as torchvision, timm, Hugging Face's libraries, fairseq and Meta's Llama write them.
"""

from __future__ import annotations

import re
from functools import lru_cache

_ROLES = {
    "gamma": "weight",
    "kernel": "weight",
    "scale": "weight",
    "g": "weight",
    "beta": "bias",
    "b": "bias",
    "moving_mean": "running_mean",
    "moving_var": "running_var",
    "moving_variance": "running_var",
    **{name: name for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")},
}
OTHER = "tensor"
"""The role of what is a step of its own: a class token, a table of positions."""


def role(name: str) -> tuple[str, str]:
    """What a tensor is for its layer, by the last part of its key, and what that part says besides.

    >>> role("in_proj_weight")
    ('weight', 'in_proj')
    """
    if re.fullmatch(r"(weight|bias)_(ih|hh|hr)_l\d+(_reverse)?", name):
        return name, ""
    if name in _ROLES:
        return _ROLES[name], ""
    head, _, tail = name.rpartition("_")
    return (tail, head) if head and tail in ("weight", "bias") else (OTHER, name)


_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?<![^ ]){pattern}(?![^ ])"), f"{meaning}")
    for pattern, meaning in (
        # Spellings.
        (r"(?:layernorm|rmsnorm|layer norm|rms norm|batch norm|batchnorm|normalization|group norm|ln|bn|gn)", "norm"),
        (r"(?:convolution|conv2d|conv 2d|conv1d|conv3d)", "conv"),
        (r"conv (?=\d+ norm)", ""),
        (r"(?:self attention|self attn|attention|attn|mha|sa)", "attn"),
        # Normalizations of a block: which of the two.
        (r"(?:attn output norm|norm before|input norm|attn norm|norm 1|pre attn norm)", "NORM FIRST"),
        (r"(?:post attn norm|norm after|ffn norm|mlp norm|ff norm|output norm|final norm|norm 2)", "NORM SECOND"),
        # Attention.
        (r"(?:in proj|qkv proj|c attn|wqkv|query key value|to qkv|in qkv|qkv)", "QKV"),
        (r"(?:attn (?:q|q proj|query proj|query|q lin|to q|wq|q linear)|wq|to q|q proj|q lin|query)", "attn QUERY"),
        (r"(?:attn (?:k|k proj|key proj|key|k lin|to k|wk|k linear)|wk|to k|k proj|k lin|key)", "attn KEY"),
        (r"(?:attn (?:v|v proj|value proj|value|v lin|to v|wv|v linear)|wv|to v|v proj|v lin|value)", "attn VALUE"),
        (
            r"attn (?:out proj|o proj|output dense|output proj|c proj|to out(?: 0)?|out lin|proj|wo|out|dense|o)",
            "attn OUT",
        ),
        (r"(?:o proj|wo)", "attn OUT"),
        # Feed-forward networks.
        (r"(?:mlp|ffn|feed forward|feedforward|ff)", "mlp"),
        (r"(?:gate proj|w 1|gate)", "mlp GATE"),
        (r"(?:up proj|w 3|up)", "mlp UP"),
        (r"(?:down proj|w 2)", "mlp DOWN"),
        (r"(?:c fc|fc 1|linear 1|lin 1|intermediate dense|dense h to 4h)", "mlp FIRST"),
        (r"(?:mlp c proj|fc 2|linear 2|lin 2|output dense|dense 4h to h)", "mlp SECOND"),
        # Embeddings.
        (r"(?:token type embeddings?|segment embeddings?|embed segments?)", "EMBED TYPE"),
        (r"(?:embeddings )?(?:wpe|embed positions|pos(?:ition(?:al)?)? emb(?:ed(?:ding)?s?)?)", "EMBED POSITION"),
        (
            r"(?:embeddings )?(?:wte|tok(?:en)? emb(?:ed(?:ding)?s?)?|word emb(?:ed(?:ding)?s?)?|embed tokens|shared)",
            "EMBED TOKEN",
        ),
        (r"(?:cls token|class token|class embedding)", "CLASS"),
        (r"(?:(?:patch embed(?:dings?)?|to patch embedding)(?: proj(?:ection)?)?|conv proj)", "PATCH"),
        # Residual networks.
        (r"(?:downsample|identity downsample|shortcut|skip|projection)", "SHORTCUT"),
        # The end.
        (r"(?:lm head|heads? head|heads?|classifier|classification head|logits|score|fc|output)", "HEAD"),
    )
)
_SILENT = frozenset("layer layers block blocks h stage stages model module net network backbone transformer".split())
"""Words that nearly every library uses, each in its own way."""

_CROSS = re.compile(r"(?:encoder_attn|cross_attn|cross_attention|crossattention|multihead_attn|EncDecAttention)\b")
"""Attention to another sequence; as one word, since `encoder.attn` is none."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@lru_cache(maxsize=65_536)
def meaning(path: str) -> frozenset[str]:
    """What a path says, as words that are equal for equal things; capitals mean more.

    >>> sorted(meaning("attention.self.query")) == sorted(meaning("self_attn.q_proj"))
    True
    """
    path = _CROSS.sub("cross", path)
    words = " ".join(word.lower() for word in _WORD.findall(path) if word.lower() not in _SILENT)
    words = re.sub(r"\bself (?=query|key|value)", "", words)
    for pattern, replacement in _RULES:
        words = pattern.sub(replacement, words)
    return frozenset(words.split())


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """How much two meanings have in common, from 0 to 1."""
    both, either = (sum(map(_weight, words)) for words in (one & other, one | other))
    return both / either if either else 0.0


def _weight(word: str) -> int:
    return 4 if word.isupper() else 1

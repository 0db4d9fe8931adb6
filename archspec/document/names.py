"""Names that a spec may use: for its classes, parameters and steps."""

from __future__ import annotations

import keyword
import re

from archspec.characters.lookalikes import disguised, plain, told

MODULE_ATTRIBUTES = frozenset(
    (
        "T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches"
        " eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu"
        " load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters"
        " register_backward_hook register_buffer register_forward_hook register_forward_pre_hook"
        " register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook"
        " register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook"
        " register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to"
        " to_empty train training type xpu zero_grad"
    ).split()
)
"""The public attributes of every nn.Module; a test holds it against PyTorch's own."""
SEQUENTIAL_ATTRIBUTES = frozenset(("append", "extend", "insert", "pop"))
"""What nn.Sequential has besides."""
# Names that the generated file needs for itself.
RESERVED = frozenset(
    "self super torch nn math F Any Callable Literal Sequence NamedTuple OrderedDict Tensor ValueError"
    " make_divisible fnmatchcase output int float bool str list len range enumerate zip min max sum round print tuple"
    " dict".split()
)
DICT_ATTRIBUTES = frozenset(("clear", "items", "keys", "pop", "update", "values"))
"""What nn.ModuleDict has besides."""
PRIVATE_ATTRIBUTES = frozenset(
    (
        "_apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks"
        " _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs"
        " _get_backward_hooks _get_backward_pre_hooks _get_item_by_idx _get_name _is_full_backward_hook"
        " _load_from_state_dict _load_state_dict_post_hooks _load_state_dict_pre_hooks"
        " _maybe_warn_non_full_backward_hook _modules _named_members _non_persistent_buffers_set _parameters"
        " _register_load_state_dict_pre_hook _register_state_dict_hook _replicate_for_data_parallel"
        " _save_to_state_dict _slow_forward _state_dict_hooks _state_dict_pre_hooks _version _wrapped_call_impl"
    ).split()
)
"""Those that are its own; a test holds them against PyTorch's."""
MODIFIERS: tuple[str, ...] = (
    "from",
    "when",
    "for",
    "repeat",
    "each",
    "collect",
    "shared",
    "shape",
    "name",
    "persistent",
    "ignore",
    "init",
    "parametrize",
    "trainable",
    "call",
    "outputs",
)
"""The keys that may stand beside that of a step."""
SPECIAL = ("layers", "again", "layer")
TENSORS = ("Parameter", "Buffer")
KEYS = frozenset((*MODIFIERS, *SPECIAL, *TENSORS))
"""What a key of a step means, whatever a block is called."""
_UNNAMED = re.compile(r"_[A-Za-z0-9][A-Za-z0-9_]{0,62}|[0-9]{1,9}")
"""Names that checkpoints have modules by, and that no value may have: `_fc`, `0`."""
_MODULE = re.compile(r"[A-Za-z0-9_ !#$%&()*+,/:;<=>?@^|~-]{1,64}")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def name_problem(name: str, *, reserved: frozenset[str] = frozenset()) -> str | None:
    """Why a name of a value, which is no attribute of the module, may not be used, if it may not."""
    if not _IDENTIFIER.fullmatch(name):
        if found := disguised(name):
            return f"is not a valid name: {told(name[found[0]])[0]}"
        return "is not a valid name: use ASCII letters, digits and `_`, beginning with a letter"
    if len(name) > 64:
        return "is longer than 64 characters"
    if keyword.iskeyword(name):
        return "is a Python keyword"
    if name in reserved:
        return "is used by generated code"
    return None


def attribute_problem(name: str) -> str | None:
    """Why a module, parameter or buffer may not be called so, if it may not."""
    hides = "would hide an attribute of nn.Module"
    if name in MODULE_ATTRIBUTES or name in PRIVATE_ATTRIBUTES:
        return hides
    return None if _UNNAMED.fullmatch(name) else name_problem(name)


def module_problem(name: str) -> str | None:
    """Why a module may not be called so by `name:`, if it may not: PyTorch takes any text without a dot."""
    if "." in name or not _MODULE.fullmatch(name):
        return "is not a valid module name: use ASCII letters, digits and marks, but no dots, quotes or backslashes"
    return attribute_problem(name) if name.isidentifier() else None


DOT = re.compile(r"\.(?![^{}]*\})")
"""A dot that is no part of an expression in braces."""


def is_dotted(name: str | None) -> bool:
    """Whether a module's name is a place in a list of the class: `downs.{i}`."""
    return name is not None and DOT.search(name) is not None


def listed_problem(path: str) -> str | None:
    """Why a module may not stand at such a place, if it may not."""
    first, *rest = path.split(".")
    if problem := attribute_problem(first):
        return f"begins with `{first}`, which {problem}"
    for part in rest:
        if not _MODULE.fullmatch(part):
            return f"has the part {part!r}, which is not a valid module name"
        if part.isdecimal() and part != str(int(part)):
            return f"has the part `{part}`: numbers have no leading zeros"
        if part in MODULE_ATTRIBUTES or part in PRIVATE_ATTRIBUTES or part in DICT_ATTRIBUTES:
            return f"has the part `{part}`, which would hide an attribute of nn.ModuleDict"
    return None


MODE = "training"
"""What stands for the module's mode in expressions, so that no number may be called so."""


def number_problem(name: str) -> str | None:
    """Why a name may not be that of a number, an axis or what a loop binds, if it may not."""
    return "is the module's mode in expressions" if name == MODE else name_problem(name)


def variable_problem(name: str) -> str | None:
    """Why a name may not be a variable of generated code, if it may not: it needs some for itself."""
    return name_problem(name, reserved=RESERVED)


def parameter_problem(name: str) -> str | None:
    """Why a parameter, an input or a computed name may not be called so: `F` is taken for the functions alone."""
    return number_problem(name) or name_problem(name, reserved=RESERVED - {"F"})


def other_name(name: str) -> str:
    """Another name like it that may be used, in backquotes."""
    import unicodedata  # here: only a name that is refused needs it

    letters = unicodedata.normalize("NFKD", plain(name[:60].replace("ß", "ss")))
    base = "".join(letter for letter in letters if not unicodedata.combining(letter))
    cleaned = re.sub(r"[^A-Za-z0-9]+", "_", base)[:60].strip("_") or "x"
    if cleaned.isdecimal():
        return f"`my_{cleaned}`; or use a list, which numbers its steps: `- Linear: 10`"
    return f"`{cleaned if cleaned[0].isalpha() and cleaned != name else 'my_' + cleaned}`"


def class_name(path: str) -> str:
    """What the class of a document is called that says no name: as its file, in CamelCase."""
    stem = path.replace("\\", "/").rpartition("/")[2].split(".")[0]
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in stem).split()
    name = "".join(word[:1].upper() + word[1:] for word in words)[:50]
    name = name if name[:1].isalpha() else f"Model{name}"
    return f"{name}Model" if name_problem(name, reserved=RESERVED) else name  # none.yaml, tensor.yaml

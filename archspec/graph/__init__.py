"""What a document means: a frozen graph of classes, their steps, and the types of everything that flows.

The one truth that every output reads. The same form holds a network with its parameters bound and its loops
unrolled, and one with its parameters as symbols and its loops as loops. Knows nothing of YAML, of PyTorch or of
how it is printed as source.
"""

from archspec.graph.classes import Class, Export, Input, Outputs, Parameter, Step, TensorLine
from archspec.graph.items import Branch, Call, Carried, Group, Item, Loop, Rounds, Update, called, module_of
from archspec.graph.names import Flow, free_symbols, names_in, pattern_of, pieces, size_names
from archspec.graph.network import Graph, Variant
from archspec.graph.places import body_of, is_number, is_spread, place_of, standing
from archspec.graph.printing import argument_text
from archspec.graph.walks import frozen_paths, modules, outputs, part, placed, ran, tied_names, walk
from archspec.graph.weights import Argument, Fill, Parametrization, Rule, Sharing, Tie

__all__ = [
    "Argument",
    "Branch",
    "Call",
    "Carried",
    "Class",
    "Export",
    "Fill",
    "Flow",
    "Graph",
    "Group",
    "Input",
    "Item",
    "Loop",
    "Outputs",
    "Parameter",
    "Parametrization",
    "Rounds",
    "Rule",
    "Sharing",
    "Step",
    "TensorLine",
    "Tie",
    "Update",
    "Variant",
    "argument_text",
    "body_of",
    "called",
    "free_symbols",
    "frozen_paths",
    "is_number",
    "is_spread",
    "module_of",
    "modules",
    "names_in",
    "outputs",
    "part",
    "pattern_of",
    "pieces",
    "place_of",
    "placed",
    "ran",
    "size_names",
    "standing",
    "tied_names",
    "walk",
]

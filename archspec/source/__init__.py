"""YAML text -> a plain tree and the place of every key and value in it, within the language's limits.

Knows nothing of specs, keys, layers or expressions: any YAML document is as good as another. Each room imports only
those before it: tree, scalars, hints, reading, composing.
"""

from archspec.source.composing import parse, parse_beside
from archspec.source.reading import read, read_stream
from archspec.source.tree import LIMITS, Entries, Limits, Path, Source

__all__ = ["LIMITS", "Entries", "Limits", "Path", "Source", "parse", "parse_beside", "read", "read_stream"]

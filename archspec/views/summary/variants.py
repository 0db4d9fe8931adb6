"""The variants of a network side by side: what each comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archspec.dimensions import Size
from archspec.views.summary import Summary
from archspec.views.summary.figures import LONGEST, aligned, figure, human

FIGURES = ("Parameters", "MACs", "Activations", "Inference", "Training")
"""What a network comes to, as heads of columns."""

_HEADS = ("Variant", *FIGURES)
_DEFAULTS = "(defaults)"


@dataclass(frozen=True, slots=True)
class Summaries:
    """A summary of the defaults (called "") and of each variant, by their names. `str()` is a table."""

    summaries: Mapping[str, Summary]

    def __getitem__(self, variant: str) -> Summary:
        return self.summaries[variant]

    def __iter__(self) -> Iterator[str]:
        return iter(self.summaries)

    def __len__(self) -> int:
        return len(self.summaries)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: of each variant what `Summary.as_dict` has, without its steps."""
        found = {name: one.as_dict() for name, one in self.summaries.items()}
        return {
            "name": self.summaries[""].name,
            "path": self.summaries[""].path,
            "variants": {
                name: {key: one[key] for key in ("inputs", "output", "sizes", "totals")} for name, one in found.items()
            },
        }

    def text(self) -> str:
        """For a terminal."""
        table = [_HEADS, *(_cells(name, one) for name, one in self.summaries.items())]
        lines = aligned(table, "  ", 1)
        return "\n".join([self._title(), "", lines[0], "-" * len(lines[0]), *lines[1:], *self._below()])

    def markdown(self) -> str:
        """For a page."""
        rows = [f"| {' | '.join(_cells(name, one))} |" for name, one in self.summaries.items()]
        ruler = f"| --- |{' --: |' * (len(_HEADS) - 1)}"
        head = f"| {' | '.join(_HEADS)} |"
        return "\n".join([f"**{self._title()}**", "", head, ruler, *rows, *self._below()])

    def csv(self) -> str:
        """Comma-separated values, figures without units."""
        names = ("parameters", "trainable", "macs", "activation_bytes", "inference_bytes", "training_bytes")
        lines = [",".join(("variant", *names))]
        for name, one in self.summaries.items():
            totals = one.totals()
            lines.append(",".join((name, *(str(totals[column]) for column in names))))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def _title(self) -> str:
        sizes = ", ".join(f"{name} = {size}" for name, size in self.summaries[""].sizes.items())
        return f"{self.summaries[''].name}{f' for {sizes}' if sizes else ''}"

    def _below(self) -> list[str]:
        hint = next((one.hint for one in self.summaries.values() if one.hint), "")
        return ["", hint] if hint else []


def figures(summary: Summary) -> tuple[str, ...]:
    """The cells of `FIGURES`."""
    memory = summary.memory
    sizes: tuple[tuple[Size, str], ...] = (
        (summary.macs, ""),
        (summary.activation_bytes, "B"),
        (memory.inference, "B"),
        (memory.training, "B"),
    )
    shown = (human(size, unit) if isinstance(size, int) else figure(size, LONGEST) for size, unit in sizes)
    return figure(summary.parameters, LONGEST), *shown


def _cells(name: str, summary: Summary) -> tuple[str, ...]:
    return name or _DEFAULTS, *figures(summary)

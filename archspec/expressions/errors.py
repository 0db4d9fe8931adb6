"""What an expression may refuse: a text that is none, a value that it does not have, an answer that depends."""

from __future__ import annotations


class ExpressionError(ValueError):
    """Why a text is no expression or has no value. `offset` and `length` say where in the text, if that is known.

    `rewrite` is the one right change, if there is one: a piece of the text, and what to write in its place.
    """

    def __init__(self, code: str, message: str, help: str = "", offset: int | None = None, length: int = 1) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.offset = offset
        self.length = length
        self.rewrite: tuple[int, int, str] | None = None


class UndecidedError(Exception):
    """What was asked depends on the value of a parameter that is a symbol here."""

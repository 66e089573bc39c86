"""Constraints between a chip's figures, as text: "pe_array.rows * pe_array.columns == 168".

The text is taken apart by Python's own parser and worked out here, node by node: numbers, a chip's keys, the
four operations, and comparisons. It is never run as code.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import SweepError, did_you_mean

if TYPE_CHECKING:
    from dnnaccel.arch import Chip

__all__ = ["Condition"]

_MAX_TEXT = 400
_MAX_DEPTH = 40
_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FIGURES = ("area", "on_chip_bytes", "pe_count", "peak_macs_per_cycle", "clock_mhz", "word_bits")


class Condition:
    """A comparison that a chip meets or not.

    Names are a chip's keys ("glb.size_bytes", "clock_mhz") and its figures "area", "on_chip_bytes",
    "pe_count" and "peak_macs_per_cycle". Raises `SweepError` for a text that is no comparison of such.
    """

    __slots__ = ("_tree", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > _MAX_TEXT:
            raise SweepError(f"a constraint of {len(text)} characters; {_MAX_TEXT} are taken at most")
        try:
            tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self._error("cannot be read") from None
        if not isinstance(tree, ast.Compare):
            raise self._error("compares nothing")
        self._check(tree, 0)
        self._tree = tree

    def __call__(self, chip: Chip) -> bool:
        """Say whether `chip` meets it; raises `SweepError` for a name that the chip has not."""
        sides = [self._value(side, chip) for side in (self._tree.left, *self._tree.comparators)]
        return all(
            _COMPARISONS[type(sign)](left, right)
            for sign, left, right in zip(self._tree.ops, sides, sides[1:], strict=False)
        )

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def _check(self, node: ast.AST, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise self._error("is nested too deeply")
        children: list[ast.AST] = []
        match node:
            case ast.Compare() if depth == 0 and all(type(sign) in _COMPARISONS for sign in node.ops):
                children = [node.left, *node.comparators]
            case ast.BinOp() if type(node.op) in _OPERATIONS:
                children = [node.left, node.right]
            case ast.UnaryOp() if isinstance(node.op, ast.USub):
                children = [node.operand]
            case ast.Constant() if type(node.value) in (int, float):
                pass
            case ast.Name() | ast.Attribute() if _dotted(node) is not None:
                pass
            case _:
                raise self._error(
                    f"has something else in it than numbers, keys, + - * / and ({type(node).__name__})"
                )
        for child in children:
            self._check(child, depth + 1)

    def _value(self, node: ast.AST, chip: Chip) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.UnaryOp():
                return -self._value(node.operand, chip)
            case ast.BinOp():
                left, right = self._value(node.left, chip), self._value(node.right, chip)
                try:
                    return _OPERATIONS[type(node.op)](left, right)
                except (ZeroDivisionError, OverflowError):
                    raise self._error("divides by zero or overflows") from None
        return self._figure(_dotted(node) or "", chip)

    def _figure(self, name: str, chip: Chip) -> Any:
        from dnnaccel.sweeping.points import on_chip_bytes

        part, dot, key = name.partition(".")
        value: Any = None
        if name == "on_chip_bytes":
            value = on_chip_bytes(chip)
        elif not dot and name in _FIGURES:
            value = getattr(chip, name)
        elif dot and part in ("mac", "vector", *(level.name for level in chip.levels)):
            whole = getattr(chip, part) if part in ("mac", "vector") else chip[part]
            value = getattr(whole, key, None)
        else:
            known = [*_FIGURES, *(level.name for level in chip.levels)]
            raise self._error(f"asks for {name!r}; {did_you_mean(part, known)}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(f"asks for {name}, which {chip.name} states no number for")
        return value

    def _error(self, what: str) -> SweepError:
        return SweepError(
            f"constraint {self.text[:80]!r} {what}; "
            "write, for instance, 'pe_array.rows * pe_array.columns == 168'"
        )


def _dotted(node: ast.AST) -> str | None:
    """Return "a" or "a.b" for such names, None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return None

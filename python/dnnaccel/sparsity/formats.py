"""Compressed formats by name and parameters; cpp/sparsity/formats.hpp defines what they cost."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields

from dnnaccel import _core
from dnnaccel.errors import DensityError, unknown_name
from dnnaccel.layers import whole_number

__all__ = ["FORMATS", "Format", "exact_bits", "expected_bits", "lower_format", "tile_bits"]

FORMATS: tuple[str, ...] = ("rlc", "csc", "bitmask", "coordinate")
"""Run lengths as in Eyeriss, compressed sparse columns as in EIE, one bit per word, an index per value."""

_RUN_BITS = {"rlc": 5, "csc": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A compressed format; a field that the kind does not use changes nothing.

    Parameters
    ----------
    kind
        One of `FORMATS`.
    run_bits
        rlc, csc: bits that count the zeros before a value; unless given 5 in rlc (Eyeriss) and 4 in csc (EIE,
        Eyeriss v2).
    packed_bits
        rlc: bits of a packed word, which holds as many pairs of run and level as fit beside one terminator
        bit; 64 in Eyeriss: three pairs of 5 + 16 bits.
    address_bits, column_words
        csc: bits of the address of a column, and words of a column. By default 16, and the 64 rows of
        AlexNet's FC6 that one of EIE's 64 elements has in a column.
    index_bits
        coordinate: bits of the index of a value, within blocks of 2**index_bits words.

    Raises
    ------
    DensityError
        For a parameter out of range.
    UnknownNameError
        For an unknown kind.
    """

    kind: str
    run_bits: int | None = None
    packed_bits: int = 64
    address_bits: int = 16
    column_words: int = 64
    index_bits: int = 16

    def __post_init__(self) -> None:
        if self.kind not in FORMATS:
            raise unknown_name("format", self.kind, FORMATS)
        if self.run_bits is None:
            object.__setattr__(self, "run_bits", _RUN_BITS.get(self.kind, 5))
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            number = whole_number(value, minimum=1)
            if number is None:
                raise DensityError(
                    f"format {self.kind}: {field.name} must be a whole number from 1, given {value!r}"
                )
            object.__setattr__(self, field.name, number)
        expected_bits(self, 1.0, 1, 1)

    @classmethod
    def of(cls, given: Format | str) -> Format:
        """Return the format that `given` is or names. Raises `UnknownNameError` with the nearest name."""
        return given if isinstance(given, Format) else cls(kind=given)


@functools.lru_cache(maxsize=256)
def lower_format(form: Format) -> _core.Format:
    """Return the core's format."""
    assert form.run_bits is not None
    return _core.Format(
        kind=getattr(_core.FormatKind, form.kind),
        run_bits=form.run_bits,
        packed_bits=form.packed_bits,
        address_bits=form.address_bits,
        column_words=form.column_words,
        index_bits=form.index_bits,
    )


def expected_bits(form: Format, density: float, words: int, word_bits: int) -> tuple[float, float]:
    """Return expected (data, metadata) bits of `words` words, each not zero with probability `density`.

    Raises `DensityError` for a number out of range, or a packed word with no room for one pair.
    """
    try:
        return _core.expected_bits(lower_format(form), density, words, word_bits)
    except ValueError as error:
        raise DensityError(str(error)) from None


def exact_bits(form: Format, words: int, nonzeros: int, entries: int, word_bits: int) -> tuple[float, float]:
    """Return exact (data, metadata) bits of a tensor that takes `entries` entries in this format.

    Raises `DensityError` as `expected_bits` does.
    """
    try:
        return _core.encoded_bits(lower_format(form), words, nonzeros, entries, word_bits)
    except ValueError as error:
        raise DensityError(str(error)) from None


def tile_bits(form: Format, density: float, words: int, word_bits: int, chance: float) -> float:
    """Return the bits that a tile of `words` words exceeds with a probability of at most `chance`.

    Raises `DensityError` as `expected_bits` does.
    """
    try:
        return sum(_core.tile_bits(lower_format(form), density, words, word_bits, chance))
    except ValueError as error:
        raise DensityError(str(error)) from None

"""Encoders and decoders of the compressed formats, bit by bit: the plain reference for what they cost.

A stream is a list of (value, bits) fields; its size is the sum of the bits.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from dnnaccel.sparsity import Format


@dataclass
class Stream:
    """Fields in the order in which they are written, read again from the front."""

    fields: list[tuple[int, int]] = field(default_factory=list)
    at: int = 0

    def put(self, value: int, bits: int) -> None:
        assert 0 <= value < 1 << bits
        self.fields.append((value, bits))

    def get(self, bits: int) -> int:
        value, written = self.fields[self.at]
        assert written == bits
        self.at += 1
        return value

    @property
    def bits(self) -> int:
        return sum(bits for _, bits in self.fields)


def pairs(words: list[int], run_bits: int, *, keep_end: bool) -> list[tuple[int, int]]:
    """(zeros before, level) of a stretch of words; a run that is full takes what comes next as its level."""
    full = (1 << run_bits) - 1
    found, run = [], 0
    for i, word in enumerate(words):
        if word == 0 and run < full and i + 1 < len(words):
            run += 1
        elif word != 0 or run == full or keep_end:
            found.append((run, word))
            run = 0
    if not keep_end:  # behind the last value nothing is said
        while found and found[-1][1] == 0:
            found.pop()
    return found


def unpack(found: list[tuple[int, int]], length: int) -> list[int]:
    words: list[int] = []
    for run, level in found:
        words += [0] * run + [level]
    return words + [0] * (length - len(words))


def encode(form: Format, words: list[int], word_bits: int) -> Stream:
    """Return the stream of `words`, unsigned numbers of `word_bits` bits."""
    return {"rlc": _put_rlc, "csc": _put_csc, "bitmask": _put_bitmask, "coordinate": _put_coordinate}[
        form.kind
    ](form, words, word_bits)


def decode(form: Format, stream: Stream, length: int, word_bits: int) -> list[int]:
    """Return the `length` words of a stream."""
    return {"rlc": _get_rlc, "csc": _get_csc, "bitmask": _get_bitmask, "coordinate": _get_coordinate}[
        form.kind
    ](form, stream, length, word_bits)


def _run_bits(form: Format) -> int:
    assert form.run_bits is not None
    return form.run_bits


def _put_rlc(form: Format, words: list[int], word_bits: int) -> Stream:
    stream, run_bits = Stream(), _run_bits(form)
    fit = (form.packed_bits - 1) // (run_bits + word_bits)
    rest = pairs(words, run_bits, keep_end=True)
    while rest:
        packed, rest = rest[:fit], rest[fit:]
        for run, level in packed:
            stream.put(run, run_bits)
            stream.put(level, word_bits)
        stream.put(0, form.packed_bits - 1 - len(packed) * (run_bits + word_bits))
        stream.put(0 if rest else 1, 1)
    return stream


def _get_rlc(form: Format, stream: Stream, length: int, word_bits: int) -> list[int]:
    words: list[int] = []
    run_bits = _run_bits(form)
    fit = (form.packed_bits - 1) // (run_bits + word_bits)
    last = 0
    while not last:
        held = 0
        while held < fit and len(words) < length:
            words += [0] * stream.get(run_bits) + [stream.get(word_bits)]
            held += 1
        stream.get(form.packed_bits - 1 - held * (run_bits + word_bits))
        last = stream.get(1)
    return words


def _put_csc(form: Format, words: list[int], word_bits: int) -> Stream:
    stream, run_bits = Stream(), _run_bits(form)
    starts = range(0, len(words), form.column_words)
    columns = [pairs(words[i : i + form.column_words], run_bits, keep_end=False) for i in starts]
    address = 0
    for column in columns:
        stream.put(address, form.address_bits)
        address += len(column)
    stream.put(address, form.address_bits)
    for run, level in (pair for column in columns for pair in column):
        stream.put(run, run_bits)
        stream.put(level, word_bits)
    return stream


def _get_csc(form: Format, stream: Stream, length: int, word_bits: int) -> list[int]:
    run_bits, words = _run_bits(form), []
    columns = -(-length // form.column_words)
    addresses = [stream.get(form.address_bits) for _ in range(columns + 1)]
    for first, end in itertools.pairwise(addresses):
        column = [(stream.get(run_bits), stream.get(word_bits)) for _ in range(end - first)]
        words += unpack(column, min(form.column_words, length - len(words)))
    return words


def _put_bitmask(form: Format, words: list[int], word_bits: int) -> Stream:
    stream = Stream()
    for word in words:
        stream.put(int(word != 0), 1)
    for word in filter(None, words):
        stream.put(word, word_bits)
    return stream


def _get_bitmask(form: Format, stream: Stream, length: int, word_bits: int) -> list[int]:
    mask = [stream.get(1) for _ in range(length)]
    return [stream.get(word_bits) if bit else 0 for bit in mask]


def _put_coordinate(form: Format, words: list[int], word_bits: int) -> Stream:
    stream, size = Stream(), 1 << form.index_bits
    for start in range(0, len(words), size):
        block = [(i, word) for i, word in enumerate(words[start : start + size]) if word]
        stream.put(len(block), form.index_bits + 1)
        for index, word in block:
            stream.put(index, form.index_bits)
            stream.put(word, word_bits)
    return stream


def _get_coordinate(form: Format, stream: Stream, length: int, word_bits: int) -> list[int]:
    words = [0] * length
    for start in range(0, length, 1 << form.index_bits):
        for _ in range(stream.get(form.index_bits + 1)):
            index = start + stream.get(form.index_bits)
            words[index] = stream.get(word_bits)
    return words

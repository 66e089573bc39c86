"""Protobuf's wire format, as far as leaving the weights of a model unread needs it.

A message is a row of fields: a tag (number * 8 + wire type) and a value, which for wire type 2 is a length
and that many bytes. See "Encoding" in the Protocol Buffers documentation; the numbers of the fields are those
of onnx.proto.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

__all__ = ["SMALL_BYTES", "WireError", "without_weights"]

SMALL_BYTES = 8192
"""Tensors with more bytes of data lose it."""

# A message that cannot hold such a tensor is copied as it is.
_COPIED_BYTES = SMALL_BYTES + 1024
_MAX_FIELDS = 1_000_000


class WireError(Exception):
    """The bytes are no message of this kind; the text says why."""


@dataclass(frozen=True, slots=True)
class _Message:
    """Which fields of a message are kept, and which are messages to look into; the others are left out."""

    kept: frozenset[int]
    inside: Mapping[int, _Message] = field(default_factory=dict)


# Left out of a tensor: raw_data (9) and the typed data (4, 5, 6, 7, 10, 11).
_TENSOR = _Message(frozenset({1, 2, 3, 8, 13, 14}))
# Left out of an attribute: graphs, which no operator that has a layer takes.
_ATTRIBUTE = _Message(frozenset({1, 2, 3, 4, 7, 8, 20, 21}), {5: _TENSOR})
_NODE = _Message(frozenset({1, 2, 3, 4, 7}), {5: _ATTRIBUTE})
_SPARSE = _Message(frozenset({3}), {1: _TENSOR})
_GRAPH = _Message(frozenset({2, 11, 12, 13}), {1: _NODE, 5: _TENSOR, 15: _SPARSE})
_MODEL = _Message(frozenset({1, 2, 3, 8}), {7: _GRAPH})

_Bytes = bytes | mmap.mmap


def without_weights(model: _Bytes, *, max_bytes: int, file: str | None = None) -> bytes:
    """Return the serialised `model` without the data of its large tensors.

    With the name of the `file` that it is in, these say where in it their data stands, as if outside. Raises
    `WireError` if it is no such message, or if more than `max_bytes` would be left.
    """
    location = None if file is None else file.encode("utf-8", "surrogateescape")
    return b"".join(_trimmed(model, 0, len(model), _MODEL, max_bytes, location))


def _trimmed(
    data: _Bytes, start: int, end: int, message: _Message, max_bytes: int, file: bytes | None
) -> list[bytes]:
    parts: list[bytes] = []
    total = 0
    for number, kind, begin, value, stop in _fields(data, start, end):
        inner = message.inside.get(number)
        if inner is not None and kind == 2 and (stop - value > _COPIED_BYTES or inner is _GRAPH):
            content = b"".join(_trimmed(data, value, stop, inner, max_bytes, file))
            parts += [_varint_bytes(number << 3 | 2), _varint_bytes(len(content)), content]
            total += len(content)
        elif message is _TENSOR and file is not None and number in _PLAIN_DATA and kind == 2:
            parts += _place(file, value, stop - value)
        elif inner is not None or number in message.kept:
            total += stop - begin
            if total <= max_bytes:
                parts.append(bytes(data[begin:stop]))
        if total > max_bytes:
            raise WireError(f"its graph alone takes more than {max_bytes} bytes")
    return parts


# Data that stands in the file as it does in memory: raw_data, and packed float_data and double_data.
_PLAIN_DATA = {9, 4, 10}


def _place(file: bytes, offset: int, length: int) -> list[bytes]:
    """Return the fields of a tensor that say where its data is: external_data and data_location."""
    told = {b"location": file, b"offset": b"%d" % offset, b"length": b"%d" % length}
    entries = [_text(1, key) + _text(2, value) for key, value in told.items()]
    return [*(_text(13, entry) for entry in entries), _varint_bytes(14 << 3), b"\x01"]


def _text(number: int, content: bytes) -> bytes:
    return _varint_bytes(number << 3 | 2) + _varint_bytes(len(content)) + content


def _fields(data: _Bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield number, wire type, and where field, value and what follows begin."""
    position = start
    for _ in range(_MAX_FIELDS):
        if position == end:
            return
        begin = position
        tag, position = _varint(data, position, end)
        number, kind = tag >> 3, tag & 7
        value = position
        if kind == 0:
            position = _varint(data, position, end)[1]
        elif kind == 1:
            position += 8
        elif kind == 5:
            position += 4
        elif kind == 2:
            size, value = _varint(data, position, end)
            position = value + size
        else:
            raise WireError(f"byte {begin} starts no field")
        if number == 0:
            raise WireError(f"byte {begin} starts no field")
        if position > end:
            raise WireError(f"the field at byte {begin} ends {position - end} bytes after what holds it")
        yield number, kind, begin, value, position
    raise WireError(f"a message has more than {_MAX_FIELDS} fields")


def _varint(data: _Bytes, position: int, end: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise WireError(f"it ends inside a number at byte {position}")
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise WireError(f"the number before byte {position} is too long")


def _varint_bytes(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)

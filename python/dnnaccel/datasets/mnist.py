"""MNIST's IDX files."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dnnaccel.datasets._files import check_split, folder, read_regular
from dnnaccel.errors import DatasetError

__all__ = ["load_mnist"]

_Paths = tuple[str | os.PathLike[str], str | os.PathLike[str]]

_PREFIXES = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTE = 0x08
_SIDE = 28
_CLASSES = 10
# More than any set of this format has; bounds what a hostile file can make us unpack.
_MOST_SAMPLES = 1_000_000


def load_mnist(
    source: str | os.PathLike[str] | _Paths, split: str = "train"
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Read MNIST, or a set in its format with ten classes such as Fashion-MNIST.

    Parameters
    ----------
    source
        Folder with the four IDX files under their usual names, plain or with ``.gz``; or the paths of the
        file of images and of the file of labels.
    split
        "train" or "test": which two files of the folder. Paths are read as given.

    Returns
    -------
    images, labels
        (samples, 28, 28) grey values from 0 to 255, and (samples,) digits.

    Raises
    ------
    DatasetError
        For a file that is missing, is no IDX file of bytes, or is not as long as its header says; for images
        that are not 28x28, more than a million of them, labels beyond 9, and unequal numbers of both.
    UnknownNameError
        For another split.
    """
    check_split(split)
    if isinstance(source, str | os.PathLike):
        base = folder(source)
        paths = (_find(base, split, "images", 3), _find(base, split, "labels", 1))
    else:
        paths = _pair(source)
    images, labels = _read_idx(paths[0], 3), _read_idx(paths[1], 1)
    if len(images) != len(labels):
        raise DatasetError(f"{paths[1]}: {len(labels)} labels for the {len(images)} images of {paths[0]}")
    if labels.size and labels.max() >= _CLASSES:
        place = int(np.argmax(labels >= _CLASSES))
        raise DatasetError(f"{paths[1]}: label {labels[place]} of sample {place} is none of 0 to 9")
    return images, labels


def _pair(source: object) -> tuple[Path, Path]:
    if not (
        isinstance(source, tuple | list)
        and len(source) == 2
        and all(isinstance(path, str | os.PathLike) for path in source)
    ):
        raise DatasetError(f"give a folder, or the two paths (images, labels), not {source!r}")
    return Path(source[0]), Path(source[1])


def _find(base: Path, split: str, what: str, rank: int) -> Path:
    stem = f"{_PREFIXES[split]}-{what}"
    candidates = [
        base / f"{stem}{joint}idx{rank}-ubyte{suffix}" for suffix in ("", ".gz") for joint in ("-", ".")
    ]
    for path in candidates:
        if path.exists():
            return path
    raise DatasetError(f"{base}: no file {candidates[0].name} or {candidates[2].name} in it")


def _read_idx(path: Path, rank: int) -> npt.NDArray[np.uint8]:
    length = 4 + 4 * rank
    header = read_regular(path, limit=length, header=length)
    magic = bytes((0, 0, _UNSIGNED_BYTE, rank))
    if len(header) >= len(magic) and header[: len(magic)] != magic:
        raise DatasetError(
            f"{path}: begins with {header[:4].hex(' ')}, not with {magic.hex(' ')} as an IDX file of bytes "
            f"with {rank} axes"
        )
    if len(header) < length:
        raise DatasetError(f"{path}: ends within its header of {length} bytes")
    shape = struct.unpack(f">{rank}I", header[4:])
    if shape[0] > _MOST_SAMPLES:
        raise DatasetError(
            f"{path}: its header says {shape[0]:,} samples; at most {_MOST_SAMPLES:,} are read"
        )
    if shape[1:] not in ((), (_SIDE, _SIDE)):
        raise DatasetError(f"{path}: its header says images of {shape[1]}x{shape[2]}, not of {_SIDE}x{_SIDE}")
    expected = length + math.prod(shape)
    content = read_regular(path, limit=expected)
    if len(content) < expected:
        raise DatasetError(
            f"{path}: ends after {len(content):,} bytes; its header says {expected:,} (shape {shape})"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=length).reshape(shape)

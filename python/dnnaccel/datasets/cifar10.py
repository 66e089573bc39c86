"""CIFAR-10's binary files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dnnaccel.datasets._files import check_split, folder, read_regular
from dnnaccel.errors import DatasetError

__all__ = ["load_cifar10"]

_FILES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}
_FOLDER = "cifar-10-batches-bin"
_IMAGE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32
_CLASSES = 10
_MOST_RECORDS = 10_000


def load_cifar10(
    directory: str | os.PathLike[str], split: str = "train"
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Read CIFAR-10 from its binary version.

    Parameters
    ----------
    directory
        Folder with ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``, or the folder above
        it, as unpacked from the archive. (The version for Python is pickled, and pickles can run code: it is
        not read.)
    split
        "train" or "test".

    Returns
    -------
    images, labels
        (samples, 3, 32, 32) red, green and blue values from 0 to 255, and (samples,) classes from 0 to 9.

    Raises
    ------
    DatasetError
        For a file that is missing, does not hold 1 to 10,000 whole records of 3073 bytes, or has a label
        beyond 9.
    UnknownNameError
        For another split.
    """
    check_split(split)
    base = folder(directory)
    if (base / _FOLDER).is_dir():
        base /= _FOLDER
    parts = [_read_batch(base / name) for name in _FILES[split]]
    records = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return records[:, 1:].reshape(-1, *_IMAGE), records[:, 0].copy()


def _read_batch(path: Path) -> npt.NDArray[np.uint8]:
    if not path.exists() and path.with_suffix("").exists():
        raise DatasetError(f"{path}: no such file; what is there is the pickled version, get the binary one")
    content = read_regular(path, limit=_MOST_RECORDS * _RECORD)
    if not content or len(content) % _RECORD:
        raise DatasetError(
            f"{path}: {len(content):,} bytes are no whole number of records of {_RECORD} bytes"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, _RECORD)
    if records[:, 0].max() >= _CLASSES:
        place = int(np.argmax(records[:, 0] >= _CLASSES))
        raise DatasetError(f"{path}: label {records[place, 0]} of record {place} is none of 0 to 9")
    return records

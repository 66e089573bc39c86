"""Datasets that networks are measured on: facts with their sources, and readers of files on disk.

Nothing is downloaded. Files are untrusted: sizes are checked against what the format and the header say
before memory is taken, and what does not fit is refused with a `DatasetError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel._lazy import getter
from dnnaccel.datasets.facts import DatasetInfo, DatasetTable, info, names, table

if TYPE_CHECKING:
    from dnnaccel.datasets.cifar10 import load_cifar10
    from dnnaccel.datasets.folder import ImageFolder
    from dnnaccel.datasets.mnist import load_mnist

__all__ = [
    "DatasetInfo",
    "DatasetTable",
    "ImageFolder",
    "info",
    "load_cifar10",
    "load_mnist",
    "names",
    "table",
]

# The readers bring NumPy, which the facts do without.
_READERS = {"ImageFolder": "folder", "load_cifar10": "cifar10", "load_mnist": "mnist"}

if not TYPE_CHECKING:  # who checks types should be told of a name that is not there
    __getattr__ = getter(__name__, _READERS)


def __dir__() -> list[str]:
    return sorted(__all__)

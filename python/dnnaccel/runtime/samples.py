"""Samples of a data set as a network takes them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnnaccel.errors import DatasetError, unknown_name
from dnnaccel.network import Network

__all__ = ["DATASETS", "Samples", "load_samples", "whole_batch"]

Batch = tuple[NDArray[np.float32], NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Images of a data set with their classes; `batches(n)` goes through them, the last may be fewer."""

    name: str
    count: int
    classes: int
    batches: Callable[[int], Iterator[Batch]]

    def __len__(self) -> int:
        """Return how many they are."""
        return self.count

    def for_calibration(self, batch: int, most: int = 256) -> list[NDArray[np.float32]]:
        """Return the first images as calls of `batch` take them, about `most` of them."""
        parts = itertools.islice(self.batches(batch), max(1, most // batch))
        return [whole_batch(images, batch) for images, _ in parts]


def whole_batch(images: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """Return `batch` images: if they are fewer, with the last one again and again."""
    missing = batch - len(images)
    return images if missing <= 0 else np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])


def load_samples(
    name: str,
    directory: str | os.PathLike[str],
    net: Network,
    *,
    split: str = "test",
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Samples:
    """Return a data set's images for `net`: in its size, from 0 to 1, less a mean, over a deviation.

    Parameters
    ----------
    name
        "mnist" (or a set in its format), "cifar10", or "folder": images in one folder per class.
    directory
        Where its files are.
    net
        Says the size. Smaller images of MNIST stand in the middle of zeros, as LeNet-5 took them; a folder's
        are resized, a little larger than the network takes them, and cropped.
    split
        "train" or "test"; a folder has but one.
    mean, std
        One number for each channel; None: those that networks for the set are mostly trained with.

    Raises
    ------
    UnknownNameError
        For another set or split.
    DatasetError
        For files that are missing or damaged, and a network that takes no such images.
    """
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    read, default_mean, default_std = DATASETS[name]
    shape = next(iter(net.inputs.values()))
    if len(net.inputs) != 1 or len(shape) != 4 or shape[1] != len(default_mean):
        raise DatasetError(
            f"{name}: has images of {len(default_mean)} channels; {net.name} takes {dict(net.inputs)}"
        )
    centre = _numbers("mean", default_mean if mean is None else mean, len(default_mean))
    scale = _numbers("std", default_std if std is None else std, len(default_std))
    if not (scale > 0).all():
        raise DatasetError(f"std must be numbers above 0, given {tuple(scale)}")
    return read(directory, split, (shape[2], shape[3]), centre, scale)


def _numbers(what: str, given: Sequence[float], channels: int) -> NDArray[np.float32]:
    numbers = np.asarray(given, np.float32)
    if numbers.shape != (channels,) or not np.isfinite(numbers).all():
        raise DatasetError(f"{what} must be one finite number for each of {channels} channels, given {given}")
    return numbers


_Numbers = NDArray[np.float32]
_Path = str | os.PathLike[str]


def _mnist(path: _Path, split: str, size: tuple[int, int], mean: _Numbers, std: _Numbers) -> Samples:
    from dnnaccel.datasets import load_mnist

    images, labels = load_mnist(path, split)
    rows, columns = size[0] - images.shape[1], size[1] - images.shape[2]
    if rows < 0 or columns < 0:
        raise DatasetError(f"mnist: images of 28x28 do not fit into the network's {size[0]}x{size[1]}")
    around = ((0, 0), (0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    pad = None if (rows, columns) == (0, 0) else around
    return _arrays("mnist", images[:, None], labels, 10, mean, std, pad)


def _cifar10(path: _Path, split: str, size: tuple[int, int], mean: _Numbers, std: _Numbers) -> Samples:
    from dnnaccel.datasets import load_cifar10

    images, labels = load_cifar10(path, split)
    if images.shape[2:] != size:
        raise DatasetError(f"cifar10: has images of 32x32; the network takes {size[0]}x{size[1]}")
    return _arrays("cifar10", images, labels, 10, mean, std, None)


def _arrays(
    name: str,
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    classes: int,
    mean: _Numbers,
    std: _Numbers,
    pad: Any,
) -> Samples:
    def batches(count: int) -> Iterator[Batch]:
        for start in range(0, len(images), count):
            part = images[start : start + count]
            part = part if pad is None else np.pad(part, pad)
            values = (part / np.float32(255) - mean[:, None, None]) / std[:, None, None]
            yield values, labels[start : start + count]

    return Samples(name=name, count=len(images), classes=classes, batches=batches)


def _folder(path: _Path, split: str, size: tuple[int, int], mean: _Numbers, std: _Numbers) -> Samples:
    from dnnaccel.datasets import ImageFolder

    if size[0] != size[1]:
        raise DatasetError(f"folder: images come out square; the network takes {size[0]}x{size[1]}")
    resize = round(size[0] * 256 / 224)
    found = ImageFolder(path, size=size[0], resize=resize, mean=mean.tolist(), std=std.tolist())
    return Samples(name="folder", count=len(found), classes=len(found.classes), batches=found.batches)


_Reader = Callable[[_Path, str, tuple[int, int], _Numbers, _Numbers], Samples]

DATASETS: dict[str, tuple[_Reader, tuple[float, ...], tuple[float, ...]]] = {
    "mnist": (_mnist, (0.1307,), (0.3081,)),
    "cifar10": (_cifar10, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "folder": (_folder, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""The reader of each set, with the mean and the standard deviation that it is mostly normalised by."""

"""Folders of images, one per class, as ImageNet's are unpacked."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dnnaccel.datasets._files import folder
from dnnaccel.errors import DatasetError, MissingExtraError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ImageFolder"]

_SUFFIXES = (".jpeg", ".jpg", ".png", ".bmp")
_FORMATS = ("JPEG", "PNG", "BMP")
_LARGEST_SIDE = 4096


class ImageFolder:
    """Images in one folder per class, resized, cropped and normalised as networks for ImageNet take them.

    Files that end in .jpeg, .jpg, .png or .bmp are images; others, hidden ones, and links that lead out of
    the folder are left alone. Classes are numbered in the order of their folders' names.

    Parameters
    ----------
    directory
        Folder of the classes' folders.
    size
        Rows and columns of what comes out: the centre of the image.
    resize
        What the shorter side is resized to before (bilinear, with antialiasing); at least `size`.
    mean, std
        Subtracted from, then dividing, the red, green and blue values, which lie in 0 to 1.

    Raises
    ------
    DatasetError
        For a folder that is missing or has no images, and sizes, means or deviations that make no sense. From
        reading: for an image that is damaged, of another format than its suffix's kind, or larger than
        Pillow's limit against decompression bombs.
    MissingExtraError
        When an image is read and Pillow is not installed.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        size: int = 224,
        resize: int = 256,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
    ) -> None:
        """Look through the folder; images are read when they are asked for."""
        for what, value in (("size", size), ("resize", resize)):
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST_SIDE:
                raise DatasetError(
                    f"{what} must be a whole number from 1 to {_LARGEST_SIDE}, given {value!r}"
                )
        if size > resize:
            raise DatasetError(f"size {size} does not fit into images resized to {resize}")
        self._size = size
        self._resize = resize
        self._mean = _three("mean", mean)
        self._std = _three("std", std)
        if not (self._std > 0).all():
            raise DatasetError(f"std must be three numbers above 0, given {std!r}")
        self._root = folder(directory).resolve()
        self.classes: tuple[str, ...] = tuple(sorted(_entries(self._root, self._root, folders=True)))
        self.samples: tuple[tuple[Path, int], ...] = tuple(
            (self._root / name / file, label)
            for label, name in enumerate(self.classes)
            for file in sorted(_entries(self._root / name, self._root, folders=False))
        )
        if not self.samples:
            raise DatasetError(
                f"{self._root}: no images; it should hold one folder per class with files in "
                f"{', '.join(_SUFFIXES)}"
            )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], int]:
        """Read one image: (3, size, size) float32, and its class."""
        path, label = self.samples[index]
        pixels = np.asarray(_square(path, self._resize, self._size), dtype=np.float32) / np.float32(255)
        return np.ascontiguousarray(((pixels - self._mean) / self._std).transpose(2, 0, 1)), label

    def batches(
        self, batch_size: int = 32
    ) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
        """Go through all images: (batch, 3, size, size) float32 and (batch,) classes; the last may be less.

        Raises `DatasetError` for a batch size below 1.
        """
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise DatasetError(f"batch_size must be a whole number from 1, given {batch_size!r}")
        return self._batches(batch_size)

    def _batches(self, batch_size: int) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
        for start in range(0, len(self), batch_size):
            read = [self[index] for index in range(start, min(start + batch_size, len(self)))]
            yield (
                np.stack([image for image, _ in read]),
                np.array([label for _, label in read], dtype=np.int64),
            )

    def __iter__(self) -> Iterator[tuple[npt.NDArray[np.float32], int]]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"<ImageFolder {self._root}: {len(self)} images, {len(self.classes)} classes>"


def _three(what: str, values: Sequence[float]) -> npt.NDArray[np.float32]:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise DatasetError(f"{what} must be three finite numbers, for red, green and blue; given {values!r}")
    return np.array(numbers, dtype=np.float32)


def _entries(path: Path, root: Path, *, folders: bool) -> Iterator[str]:
    """Names of the folders, or of the images, in `path`; none that is a link out of `root`."""
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                inside = not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(root)
                if entry.name.startswith(".") or not inside:
                    continue
                if entry.is_dir() if folders else entry.is_file() and entry.name.lower().endswith(_SUFFIXES):
                    yield entry.name
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
        raise DatasetError(f"{path}: {error}") from error


def _square(path: Path, resize: int, size: int) -> Image.Image:
    """Read an image and return its centre, `size` pixels wide and high, of the image resized to `resize`."""
    pillow = _pillow()
    try:
        with warnings.catch_warnings():
            # Pillow warns at its limit and refuses at twice that; for files of strangers the limit holds.
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            # A small file may say anything about its quirks; only the one above is ours to judge.
            warnings.simplefilter("ignore", UserWarning)
            with pillow.open(path, formats=_FORMATS) as opened:
                image: Image.Image = opened.convert("RGB")
    except (pillow.DecompressionBombWarning, pillow.DecompressionBombError) as error:
        raise DatasetError(f"{path}: refused as a decompression bomb: {error}") from error
    except Exception as error:
        # Decoders of damaged files raise whatever came up: struct, index, key and value errors, SyntaxError.
        reason = "not a JPEG, PNG or BMP image" if isinstance(error, pillow.UnidentifiedImageError) else error
        raise DatasetError(f"{path}: {reason}") from error
    width, height = image.size
    # Resized and cropped in one step: an image of 1 x 100,000 would else grow to 256 x 25,600,000.
    scale = resize / min(width, height)
    resized = (max(resize, int(width * scale)), max(resize, int(height * scale)))
    left, top = (round((side - size) / 2) for side in resized)
    across, down = width / resized[0], height / resized[1]
    box = (
        *(left * across, top * down),
        *(min(width, (left + size) * across), min(height, (top + size) * down)),
    )
    return image.resize((size, size), pillow.Resampling.BILINEAR, box=box)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("reading images needs Pillow: pip install 'dnnaccel[images]'") from None
    return Image

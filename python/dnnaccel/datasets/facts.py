"""What is known of each dataset, and who says so."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel._rows import csv_text, dataframe, html_table, markdown_table
from dnnaccel._text import DEFAULT_WIDTH, Column, layout, notes
from dnnaccel._units import NONE
from dnnaccel.errors import unknown_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DatasetInfo", "DatasetTable", "info", "names", "table"]

_UNVERIFIED = "from memory, unverified"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """A dataset.

    `train`, `validation` and `test` count samples; None where there is no such part or its size is not
    published. `best_percent` is the best result known here in %, of `best_measure`, not the best there is.
    """

    name: str
    title: str
    year: int
    samples: str
    resolution: str
    classes: int
    train: int | None
    validation: int | None
    test: int | None
    best_percent: float | None
    best_measure: str
    best_source: str
    source: str
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return every field by name."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class DatasetTable:
    """Datasets side by side."""

    rows: tuple[DatasetInfo, ...]

    def __iter__(self) -> Iterator[DatasetInfo]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return a table and the sources below it, for lines of `width` characters."""
        columns = [
            Column(header, [tell(row) for row in self.rows], header not in _NUMBERS)
            for header, tell in _COLUMNS.items()
        ]
        said = [
            f"{row.name}: {row.source}; best: {row.best_source}" + (f"; {row.note}" if row.note else "")
            for row in self.rows
        ]
        return layout(columns, width=width) + "\n\n" + notes(said, width=width)

    def to_markdown(self) -> str:
        """Return the columns of the text table as a Markdown table."""
        return markdown_table(self._texts())

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return every dataset as plain numbers and texts; what is not known is None."""
        return [row.to_dict() for row in self.rows]

    def to_json(self) -> str:
        """Return `to_dicts()` as JSON text, indented by two blanks."""
        return json.dumps(self.to_dicts(), indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return one line per dataset as CSV text, with a header."""
        return csv_text(self.to_dicts())

    def to_dataframe(self) -> pd.DataFrame:
        """Return one row per dataset as a DataFrame; raises `MissingExtraError` without pandas."""
        return dataframe(self.to_dicts())

    def _texts(self) -> dict[str, list[str]]:
        return {header: [tell(row) for row in self.rows] for header, tell in _COLUMNS.items()}

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return html_table(self._texts())


def _size(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


_COLUMNS: dict[str, Callable[[DatasetInfo], str]] = {
    "dataset": lambda row: row.name,
    "year": lambda row: str(row.year),
    "samples": lambda row: row.samples,
    "resolution": lambda row: row.resolution,
    "classes": lambda row: _size(row.classes),
    "train": lambda row: _size(row.train),
    "validation": lambda row: _size(row.validation),
    "test": lambda row: _size(row.test),
    "best %": lambda row: NONE if row.best_percent is None else f"{row.best_percent:g}",
    "of": lambda row: row.best_measure,
}
_NUMBERS = ("year", "classes", "train", "validation", "test", "best %")

_DATASETS = {
    dataset.name: dataset
    for dataset in (
        DatasetInfo(
            name="mnist",
            title="MNIST handwritten digits",
            year=1998,
            samples="grey images",
            resolution="28x28",
            classes=10,
            train=60_000,
            validation=None,
            test=10_000,
            best_percent=99.79,
            best_measure="accuracy",
            best_source=f"Wan et al.: Regularization of Neural Networks using DropConnect, ICML 2013; "
            f"{_UNVERIFIED}",
            source=f"LeCun, Cortes, Burges: The MNIST database; {_UNVERIFIED}",
        ),
        DatasetInfo(
            name="cifar10",
            title="CIFAR-10",
            year=2009,
            samples="colour images",
            resolution="32x32",
            classes=10,
            train=50_000,
            validation=None,
            test=10_000,
            best_percent=96.53,
            best_measure="accuracy",
            best_source=f"Graham: Fractional Max-Pooling, 2015; {_UNVERIFIED}",
            source=f"Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009; {_UNVERIFIED}",
        ),
        DatasetInfo(
            name="imagenet",
            title="ImageNet, the classification set of ILSVRC 2012",
            year=2012,
            samples="colour images",
            resolution="varies; 224x224 in use",
            classes=1000,
            train=1_281_167,
            validation=50_000,
            test=100_000,
            best_percent=97.749,
            best_measure="top-5 accuracy",
            best_source="Squeeze-and-Excitation Networks, winner of the last challenge, 2017 (2.251 % error; "
            "page of artificial-intelligence-wiki.com on the challenge)",
            source="Russakovsky et al.: ImageNet Large Scale Visual Recognition Challenge, IJCV 2015; sizes "
            "as on textbookofai.com, glossary",
        ),
        DatasetInfo(
            name="jft300m",
            title="JFT-300M",
            year=2017,
            samples="colour images",
            resolution="varies",
            classes=18_291,
            train=300_000_000,
            validation=None,
            test=None,
            best_percent=79.2,
            best_measure="ImageNet top-1 after training on it first",
            best_source=f"ResNet-101, Sun et al. 2017; {_UNVERIFIED}",
            source="Sun, Shrivastava, Singh, Gupta: Revisiting Unreasonable Effectiveness of Data in Deep "
            "Learning Era, ICCV 2017, and Google's blog post on it",
            note="internal to Google; the number of images is rounded, with 375M labels of which a fifth is "
            "wrong",
        ),
        DatasetInfo(
            name="open_images",
            title="Open Images V4",
            year=2018,
            samples="colour images",
            resolution="varies",
            classes=19_995,
            train=9_011_219,
            validation=41_620,
            test=125_436,
            best_percent=58.66,
            best_measure="mAP of detection, 500 classes",
            best_source=f"winner of the Open Images Challenge 2018; {_UNVERIFIED}",
            source="Kuznetsova et al.: The Open Images Dataset V4, IJCV 2020 (9.2M images); classes as in "
            f"TensorFlow Datasets; sizes of the parts {_UNVERIFIED}",
            note="image-level labels; 600 classes have boxes",
        ),
        DatasetInfo(
            name="youtube8m",
            title="YouTube-8M",
            year=2016,
            samples="videos",
            resolution="features at 1 frame/s",
            classes=4800,
            train=5_786_881,
            validation=1_652_167,
            test=825_602,
            best_percent=84.967,
            best_measure="global average precision",
            best_source="Miech, Laptev, Sivic: Learnable pooling with Context Gating, winner of the 2017 "
            f"challenge, on that year's release; {_UNVERIFIED}",
            source="Abu-El-Haija et al.: YouTube-8M, 2016 (8 million videos, 500,000 hours, 4800 classes); "
            f"sizes of the parts {_UNVERIFIED}",
            note="the release of 2018 has 6.1M videos and 3862 classes",
        ),
        DatasetInfo(
            name="audioset",
            title="AudioSet",
            year=2017,
            samples="sounds of 10 s",
            resolution="10 s",
            classes=632,
            train=2_063_949,
            validation=None,
            test=20_371,
            best_percent=48.5,
            best_measure="mAP",
            best_source=f"Gong, Chung, Glass: AST, Interspeech 2021, an ensemble; {_UNVERIFIED}",
            source="Gemmeke et al.: Audio Set, ICASSP 2017, and its site (2,084,320 clips); 22,160 and "
            "20,371 clips in the balanced training and evaluation parts as agkphysics/AudioSet says",
            note="632 classes in the ontology, 527 in the clips; train is the rest of all clips",
        ),
    )
}


def names() -> list[str]:
    """Return the names that `info` knows."""
    return list(_DATASETS)


def info(name: str) -> DatasetInfo:
    """Return what is known of the dataset `name`; raises `UnknownNameError` with the nearest name.

    Examples
    --------
    >>> info("mnist").train
    60000
    """
    if name not in _DATASETS:
        raise unknown_name("dataset", name, _DATASETS)
    return _DATASETS[name]


def table() -> DatasetTable:
    """Return all datasets in one table."""
    return DatasetTable(rows=tuple(_DATASETS.values()))

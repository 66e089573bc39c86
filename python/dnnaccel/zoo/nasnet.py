"""NASNet-A for any number of cells and filters.

NASNet-B and NASNet-C are not here: their cells are drawn in figures 8 and 9 of the paper's appendix only, and
no public text or code that we could find gives them. What the appendix says in words, `nas` can write: cells
of B read four states and hand all four on unconcatenated (`Cell.inputs`, `CellBuilder.states`), those of C
read two and concatenate what nothing reads, as A's do. The layer or instance normalisation that may follow
an addition there has no multiply-accumulates of its own and is not offered.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import NetworkError
from dnnaccel.layers import whole_number
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._head import head
from dnnaccel.zoo._sources import IMGCLSMOB, NASNET, published
from dnnaccel.zoo.nas import Cell, CellBuilder, Combination

__all__ = [
    "NORMAL_A",
    "REDUCTION_A",
    "nasnet",
    "nasnet_a",
    "nasnet_a_4_1056",
    "nasnet_a_5_1538",
    "nasnet_a_6_4032",
    "nasnet_a_7_1920",
]


# The published ones have at most 7 cells per stage; more than this is a slip, and would take for ever.
_MOST_CELLS = 100

# The narrowest cell, stem2, has an eighth of the last stage's channels, and halves them once more.
_FEWEST_FILTERS = 96


def _pair(left: str, left_op: str, right: str, right_op: str) -> Combination:
    return Combination(left=left, left_op=left_op, right=right, right_op=right_op)


NORMAL_A = Cell(
    combinations=(
        _pair("h", "separable 5x5", "h_prev", "separable 3x3"),
        _pair("h_prev", "separable 5x5", "h_prev", "separable 3x3"),
        _pair("h", "average 3x3", "h_prev", "identity"),
        _pair("h_prev", "average 3x3", "h_prev", "average 3x3"),
        _pair("h", "separable 3x3", "h", "identity"),
    ),
    concatenates=("h_prev", "0", "1", "2", "3", "4"),
)
"""Normal cell of NASNet-A (Zoph et al., figure 4), which concatenates the cell before the last too."""

REDUCTION_A = Cell(
    combinations=(
        _pair("h", "separable 5x5", "h_prev", "separable 7x7"),
        _pair("h", "max 3x3", "h_prev", "separable 7x7"),
        _pair("h", "average 3x3", "h_prev", "separable 5x5"),
        _pair("1", "identity", "0", "average 3x3"),
        _pair("0", "separable 3x3", "h", "max 3x3"),
    ),
    concatenates=("1", "2", "3", "4"),
)
"""Reduction cell of NASNet-A (Zoph et al., figure 4)."""


def nasnet(
    normal: Cell,
    reduction: Cell,
    *,
    name: str,
    cells: int,
    filters: int,
    stem: int,
    skip: bool = False,
    batch: int = 1,
    image_size: int = 224,
    metadata: Metadata | None = None,
) -> Network:
    """Build a network of cells for ImageNet: "N @ F" is `cells` normal ones per stage and `filters`.

    `filters` is what the paper counts: 24 times the channels of the first stage. `stem` is the number of
    channels of the first convolution. The first cell after a reduction reads, beside it, the cell before it,
    or with `skip` (as the released large model does) the one before that. Raises `NetworkError` for filters
    below 96, and for no cells or more than 100.
    """
    cells, channels = _sizes(name, cells, filters)
    b = NetworkBuilder(name, input_shape=(batch, 3, image_size, image_size), metadata=metadata)
    build = CellBuilder(b)
    b.conv2d("stem_conv", out_channels=stem, kernel=3, stride=2, bias=False)
    h_prev = b.batch_norm("stem_norm")
    h = build.cell(
        "stem1",
        reduction,
        h=h_prev,
        h_prev=h_prev,
        channels=channels // 4,
        stride=2,
        adjust=False,
    )
    h_prev, h = (
        h,
        build.cell("stem2", reduction, h=h, h_prev=h_prev, channels=channels // 2, stride=2),
    )
    for stage in (1, 2, 3):
        width = channels * 2 ** (stage - 1)
        if stage > 1:
            name = f"reduction{stage - 1}"
            reduced = build.cell(name, reduction, h=h, h_prev=h_prev, channels=width, stride=2)
            h_prev, h = h_prev if skip else h, reduced
        for number in range(1, cells + 1):
            name = f"cell{stage}_{number}"
            h_prev, h = h, build.cell(name, normal, h=h, h_prev=h_prev, channels=width)
    b.relu("relu")
    return head(b)


def _sizes(name: str, cells: int, filters: int) -> tuple[int, int]:
    """Return cells per stage and channels of the first stage, or raise `NetworkError`."""
    number = whole_number(cells, minimum=1)
    if number is None or number > _MOST_CELLS:
        raise NetworkError(
            f"network {name!r}: cells of a stage must be a whole number from 1 to {_MOST_CELLS}, "
            f"given {cells!r}"
        )
    width = whole_number(filters, minimum=_FEWEST_FILTERS)
    if width is None:
        raise NetworkError(
            f"network {name!r}: filters must be a whole number, {_FEWEST_FILTERS} at least, given {filters!r}"
        )
    return number, width // 24


# Image size and figures of the networks in the paper's tables, by cells and filters. A test holds the
# percentages of the notes to what is built.
_PUBLISHED: dict[tuple[int, int], tuple[int, Metadata]] = {
    (4, 1056): (
        224,
        {
            "top1": 74.84,
            "top5": 92.1,
            "accuracy_source": IMGCLSMOB,
            "quoted_weights": 5_300_000,
            "quoted_macs": 564_000_000,
            "quoted_source": NASNET,
        },
    ),
    (5, 1538): (
        299,
        {
            "top1": 78.6,
            "top5": 94.2,
            "accuracy_source": NASNET,
            "quoted_weights": 10_900_000,
            "quoted_macs": 2_350_000_000,
            "quoted_source": NASNET,
            "note": "released cells: 13 % more parameters and 14 % more MACs than quoted; only the states "
            "nothing reads concatenated, as figure 4 draws them and the quoted totals were probably counted: "
            "2 % and 5 % more; 1538 is the paper's figure, 24 x 64 channels are 1536",
        },
    ),
    (6, 4032): (
        331,
        {
            "top1": 81.83,
            "top5": 95.76,
            "accuracy_source": IMGCLSMOB,
            "quoted_weights": 88_900_000,
            "quoted_macs": 23_800_000_000,
            "quoted_source": NASNET,
        },
    ),
    (7, 1920): (
        299,
        {
            "top1": 80.8,
            "top5": 95.3,
            "accuracy_source": NASNET,
            "quoted_weights": 22_600_000,
            "quoted_macs": 4_930_000_000,
            "quoted_source": NASNET,
            "note": "released cells: 9 % more parameters and 9 % more MACs than quoted; only the states "
            "nothing reads concatenated, as figure 4 draws them and the quoted totals were probably counted: "
            "1 % and 0 % fewer",
        },
    ),
}


def nasnet_a(*, cells: int = 4, filters: int = 1056, batch: int = 1, image_size: int = 224) -> Network:
    """Build NASNet-A (`cells` @ `filters`) of the released cells.

    Up to 4 cells it begins and skips as the released mobile model does (32 channels first), beyond as the
    large one (96, and the cell after a reduction reads past it). Raises `NetworkError` as `nasnet` does.
    """
    name = f"nasnet_a_{cells}_{filters}"
    _sizes(name, cells, filters)
    large = cells > 4
    published_at, figures = _PUBLISHED.get((cells, filters), (0, {}))
    return nasnet(
        NORMAL_A,
        REDUCTION_A,
        name=name,
        cells=cells,
        filters=filters,
        stem=96 if large else 32,
        skip=large,
        batch=batch,
        image_size=image_size,
        metadata={
            "title": f"NASNet-A ({cells} @ {filters})",
            "year": 2017,
            "source": "Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures for Scalable Image "
            "Recognition, CVPR 2018 (arXiv 2017)",
            "dataset": "ImageNet",
            **published(image_size == published_at, figures),
        },
    )


def nasnet_a_4_1056(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build NASNet-A (4 @ 1056), the mobile one, for 224x224 images."""
    return nasnet_a(cells=4, filters=1056, batch=batch, image_size=image_size)


def nasnet_a_5_1538(*, batch: int = 1, image_size: int = 299) -> Network:
    """Build NASNet-A (5 @ 1538) for 299x299 images: 64 channels in the first stage, 1536 at the end."""
    return nasnet_a(cells=5, filters=1538, batch=batch, image_size=image_size)


def nasnet_a_6_4032(*, batch: int = 1, image_size: int = 331) -> Network:
    """Build NASNet-A (6 @ 4032), the large one, for 331x331 images."""
    return nasnet_a(cells=6, filters=4032, batch=batch, image_size=image_size)


def nasnet_a_7_1920(*, batch: int = 1, image_size: int = 299) -> Network:
    """Build NASNet-A (7 @ 1920) for 299x299 images."""
    return nasnet_a(cells=7, filters=1920, batch=batch, image_size=image_size)

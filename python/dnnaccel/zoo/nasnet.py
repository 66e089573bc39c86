"""NASNet-A for any number of cells and filters.

NASNet-B and NASNet-C are not here: their cells are drawn only in the appendix of the paper, and no public
text or code gives them (the recorded facts say so too). `nas.Cell` can write them once they are known.
"""

from __future__ import annotations

from dnnaccel.builder import NetworkBuilder
from dnnaccel.errors import NetworkError
from dnnaccel.network import Metadata, Network
from dnnaccel.zoo._sources import IMGCLSMOB, NASNET
from dnnaccel.zoo.nas import Cell, CellBuilder, Combination

__all__ = [
    "NORMAL_A",
    "REDUCTION_A",
    "nasnet",
    "nasnet_a_4_1056",
    "nasnet_a_5_1538",
    "nasnet_a_6_4032",
    "nasnet_a_7_1920",
]


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
    below 24, or no cells.
    """
    channels = filters // 24
    if channels < 1 or cells < 1:
        raise NetworkError(
            f"network {name!r}: it needs one cell per stage and 24 filters at least, "
            f"given {cells} and {filters}"
        )
    b = NetworkBuilder(name, input_shape=(batch, 3, image_size, image_size), metadata=metadata)
    build = CellBuilder(b)
    b.conv2d("stem_conv", out_channels=stem, kernel=3, stride=2, bias=False)
    h_prev = b.batch_norm("stem_norm")
    h = build.cell(
        "stem1",
        reduction,
        h=h_prev,
        h_prev=h_prev,
        channels=max(1, channels // 4),
        stride=2,
        adjust=False,
    )
    h_prev, h = (
        h,
        build.cell("stem2", reduction, h=h, h_prev=h_prev, channels=max(1, channels // 2), stride=2),
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
    b.global_avg_pool("pool")
    b.flatten("flatten")
    b.linear("fc", out_features=1000)
    b.softmax("prob")
    return b.build()


def _nasnet_a(
    cells: int, filters: int, stem: int, batch: int, image_size: int, published_at: int, figures: Metadata
) -> Network:
    return nasnet(
        NORMAL_A,
        REDUCTION_A,
        name=f"nasnet_a_{cells}_{filters}",
        cells=cells,
        filters=filters,
        stem=stem,
        skip=cells > 4,
        batch=batch,
        image_size=image_size,
        metadata={
            "title": f"NASNet-A ({cells} @ {filters})",
            "year": 2017,
            "source": "Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures for Scalable Image "
            "Recognition, CVPR 2018 (arXiv 2017)",
            "dataset": "ImageNet",
            **(figures if image_size == published_at else {}),
        },
    )


def nasnet_a_4_1056(*, batch: int = 1, image_size: int = 224) -> Network:
    """Build NASNet-A (4 @ 1056), the mobile one, for 224x224 images."""
    figures: Metadata = {
        "top1": 74.84,
        "top5": 92.1,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 5_300_000,
        "quoted_macs": 564_000_000,
        "quoted_source": NASNET,
    }
    return _nasnet_a(4, 1056, 32, batch, image_size, 224, figures)


def nasnet_a_5_1538(*, batch: int = 1, image_size: int = 299) -> Network:
    """Build NASNet-A (5 @ 1538) for 299x299 images: 64 channels in the first stage, 1536 at the end."""
    figures: Metadata = {
        "top1": 78.6,
        "top5": 94.2,
        "accuracy_source": NASNET,
        "quoted_weights": 10_900_000,
        "quoted_macs": 2_350_000_000,
        "quoted_source": NASNET,
        "note": "1538 is the paper's figure, 24 x 64 channels are 1536; the cells of 4 @ 1056 and 6 @ 4032, "
        "whose totals the paper confirms, come to 13 % more parameters here than it quotes",
    }
    return _nasnet_a(5, 1538, 96, batch, image_size, 299, figures)


def nasnet_a_6_4032(*, batch: int = 1, image_size: int = 331) -> Network:
    """Build NASNet-A (6 @ 4032), the large one, for 331x331 images."""
    figures: Metadata = {
        "top1": 81.83,
        "top5": 95.76,
        "accuracy_source": IMGCLSMOB,
        "quoted_weights": 88_900_000,
        "quoted_macs": 23_800_000_000,
        "quoted_source": NASNET,
    }
    return _nasnet_a(6, 4032, 96, batch, image_size, 331, figures)


def nasnet_a_7_1920(*, batch: int = 1, image_size: int = 299) -> Network:
    """Build NASNet-A (7 @ 1920) for 299x299 images."""
    figures: Metadata = {
        "top1": 80.8,
        "top5": 95.3,
        "accuracy_source": NASNET,
        "quoted_weights": 22_600_000,
        "quoted_macs": 4_930_000_000,
        "quoted_source": NASNET,
        "note": "the cells of 4 @ 1056 and 6 @ 4032, whose totals the paper confirms, come to 9 % more "
        "parameters here than it quotes",
    }
    return _nasnet_a(7, 1920, 96, batch, image_size, 299, figures)

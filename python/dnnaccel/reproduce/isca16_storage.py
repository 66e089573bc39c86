"""Equal area: how much buffer each dataflow of the ISCA 2016 comparison gets for its register files.

The paper's rule (section VI-B): the storage of every dataflow takes the area of as many register files of
512 B as there are PEs, and of one buffer of PEs x 512 B. Its Fig. 7a gives area per byte by size, its Fig. 7b
what follows at 256 PEs.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from dnnaccel.conventions.isca16 import Storage
from dnnaccel.reproduce.published import figures

__all__ = ["PES", "Sizes", "area_per_byte", "sizes"]

PES: tuple[int, ...] = (256, 512, 1024)
"""Sizes of the array that the paper compares."""

KB = 1024
RS_RF_BYTES = 512
_WORD_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Storage of one dataflow in kB of 1024 bytes: the buffer, and all register files together.

    `rule_buffer_kb` is what the equal-area rule gives for the buffer, from the areas read off Fig. 7a;
    `buffer_kb` is what is used: the published size at 256 PEs, the rule's at any other number.
    """

    pes: int
    buffer_kb: float
    rule_buffer_kb: float
    rf_kb: float

    @property
    def storage(self) -> Storage:
        """The same in whole words of 16 bits."""
        return Storage(
            pes=self.pes,
            buffer_words=int(self.buffer_kb * KB) // _WORD_BYTES,
            rf_words=round(self.rf_kb * KB / self.pes) // _WORD_BYTES,
        )


def area_per_byte(size_bytes: float) -> float:
    """Return the area of a byte in a memory of so many bytes, relative to a large one.

    Linear between the points of Fig. 7a, and constant beyond its last.
    """
    points: list[list[float]] = figures("isca16")["fig7a_area_per_byte"]["points"]
    if size_bytes <= points[0][0]:
        return points[0][1]
    for (low, below), (high, above) in itertools.pairwise(points):
        if size_bytes <= high:
            return below + (above - below) * (size_bytes - low) / (high - low)
    return points[-1][1]


def sizes(dataflow: str, pes: int) -> Sizes:
    """Return what the paper gives one dataflow for `pes` elements.

    The register file of a PE is that of Fig. 7b at any number of PEs; the buffer takes the rest of the area.
    """
    published = figures("isca16")["fig7b_storage_kb"][dataflow]
    rf_bytes = round(published["rf"] * KB / PES[0])
    buffer_bytes = pes * RS_RF_BYTES
    area = pes * RS_RF_BYTES * area_per_byte(RS_RF_BYTES) + buffer_bytes * area_per_byte(buffer_bytes)
    rest = area - pes * rf_bytes * area_per_byte(rf_bytes)
    rule = rest / area_per_byte(rest) / KB
    return Sizes(
        pes=pes,
        buffer_kb=published["glb"] if pes == PES[0] else rule,
        rule_buffer_kb=rule,
        rf_kb=pes * rf_bytes / KB,
    )

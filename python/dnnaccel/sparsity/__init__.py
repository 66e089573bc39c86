"""Zeros: densities of a layer's tensors, compressed formats, and the MACs that are left.

Densities are given (`uniform`), published (`published`) or measured from real tensors (`measure`,
`load_npz`). What a format costs is expected from a density, or exact where it was measured; docs/sparsity.md
has the formulas.
"""

from __future__ import annotations

from dnnaccel.sparsity.density import Density, Measured, MeasuredTensor, interior_fraction, uniform
from dnnaccel.sparsity.files import load_npz
from dnnaccel.sparsity.formats import FORMATS, Format
from dnnaccel.sparsity.measure import measure
from dnnaccel.sparsity.published import published, published_names
from dnnaccel.sparsity.resolve import DensityLike, resolve

__all__ = [
    "FORMATS",
    "Density",
    "DensityLike",
    "Format",
    "Measured",
    "MeasuredTensor",
    "interior_fraction",
    "load_npz",
    "measure",
    "published",
    "published_names",
    "resolve",
    "uniform",
]

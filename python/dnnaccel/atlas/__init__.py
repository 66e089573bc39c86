"""Every network on every chip: weights and MACs do not tell speed or energy, only the hardware does."""

from dnnaccel.atlas.job import atlas
from dnnaccel.atlas.result import Atlas, AtlasChip, AtlasRow, Correlation

__all__ = ["Atlas", "AtlasChip", "AtlasRow", "Correlation", "atlas"]

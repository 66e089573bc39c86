"""Sources that several families quote, and when what they say applies."""

from __future__ import annotations

from dnnaccel.network import Metadata

__all__ = ["IMGCLSMOB", "NASNET", "TUTORIAL", "published"]

TUTORIAL = "Emer, Sze, Chen: Popular DNNs and Datasets, ISCA 2019 tutorial, summary table"

IMGCLSMOB = "imgclsmob (pytorchcv) README at c1a844dde061, of its own training"

NASNET = (
    "Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures for Scalable Image Recognition, "
    "CVPR 2018, tables 2 and 3; from memory, unverified"
)


def published(applies: bool, figures: Metadata) -> Metadata:
    """Return `figures` (accuracy, quoted totals) if they hold for the options given, else nothing."""
    return figures if applies else {}

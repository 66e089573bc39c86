"""Sources that several families quote, and when what they say applies."""

from __future__ import annotations

from dnnaccel.network import Metadata

__all__ = ["IMGCLSMOB", "TUTORIAL", "published"]

TUTORIAL = "Emer, Sze, Chen: Popular DNNs and Datasets, ISCA 2019 tutorial, summary table"

IMGCLSMOB = "imgclsmob (pytorchcv) README at c1a844dde061, of its own training"


def published(applies: bool, figures: Metadata) -> Metadata:
    """Return `figures` (accuracy, quoted totals) if they are of the network with these options, else nothing."""
    return figures if applies else {}

"""Sources that several families quote."""

from __future__ import annotations

__all__ = ["IMGCLSMOB", "TUTORIAL"]

TUTORIAL = "Emer, Sze, Chen: Popular DNNs and Datasets, ISCA 2019 tutorial, summary table"

IMGCLSMOB = "imgclsmob (pytorchcv) README at c1a844dde061, of its own training"

"""Sources that several families quote."""

from __future__ import annotations

__all__ = ["IMGCLSMOB", "SURVEY"]

SURVEY = (
    "Sze, Chen, Yang, Emer: Efficient Processing of Deep Neural Networks: A Tutorial and Survey, "
    "summary table"
)

IMGCLSMOB = "imgclsmob (pytorchcv) README at c1a844dde061, of its own training"

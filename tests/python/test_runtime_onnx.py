"""Weights out of ONNX files: files with numbers, and what ONNX's own evaluator makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_export import to_model, to_onnx

import dnnaccel as da
from dnnaccel.runtime import load_weights
from numpy_net import evaluate
from small_nets import SMALL_NETS, random_inputs, with_statistics

onnx = pytest.importorskip("onnx")


def _reference(model: Any, inputs: dict[str, Any]) -> list[Any]:
    from onnx.reference import ReferenceEvaluator

    found: list[Any] = ReferenceEvaluator(model).run(None, inputs)
    return found


@pytest.mark.parametrize("name", SMALL_NETS)
def test_there_and_back(name: str, tmp_path: Path) -> None:
    net = SMALL_NETS[name]()
    weights = with_statistics(net)
    path = to_onnx(net, tmp_path / f"{name}.onnx", weights)
    read = da.from_onnx(path)
    found = load_weights(path, read)
    inputs = random_inputs(net)
    ours, again = evaluate(net, weights, inputs), evaluate(read, found, inputs)
    for output in net.outputs:
        assert output in read.outputs
        assert np.allclose(again[output], ours[output], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SMALL_NETS)
def test_onnxs_own_evaluator_agrees(name: str) -> None:
    net = SMALL_NETS[name]()
    weights = with_statistics(net)
    inputs = random_inputs(net)
    ours = evaluate(net, weights, inputs)
    theirs = _reference(to_model(net, weights), inputs)
    for output, values in zip(net.outputs, theirs, strict=True):
        assert np.allclose(values, ours[output], rtol=1e-4, atol=1e-5), output

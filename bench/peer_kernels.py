"""Convolutions of other libraries, set up as each is fastest, to be timed beside ours.

Each maker returns a function that computes one convolution, or None where the library is not installed or
cannot. Weights are prepared once, outside the clock, and the activations are in the layout that the library
likes best, so that nothing is timed but the convolution and its call.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAKERS", "Convolution", "Run", "installed"]

Floats = NDArray[np.float32]
Run = Callable[[], Any]


@dataclass(frozen=True)
class Convolution:
    """A convolution of NHWC images."""

    x_shape: tuple[int, int, int, int]
    w_shape: tuple[int, int, int, int]
    """Output channels, channels of a group, height, width."""
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int


def installed(module: str) -> bool:
    """Whether this Python has a module."""
    return importlib.util.find_spec(module) is not None


def make_onednn(convolution: Convolution, x: Floats, w: Floats, threads: int) -> Run | None:
    """OneDNN as torch has it: weights reordered once, images with the channels last."""
    if not installed("torch"):
        return None
    import torch

    torch.set_num_threads(threads)
    image = torch.from_numpy(x.transpose(0, 3, 1, 2))  # NHWC in memory
    sides = (
        list(convolution.padding),
        list(convolution.stride),
        list(convolution.dilation),
        convolution.groups,
    )
    weights = torch._C._nn.mkldnn_reorder_conv2d_weight(
        torch.from_numpy(w).to_mkldnn(), *sides, list(image.shape)
    )
    convolve = torch.ops.mkldnn._convolution_pointwise.default
    no_more: list[Any] = []

    def run() -> Any:
        with torch.no_grad():
            return convolve(image, weights, None, *sides, "none", no_more, "")

    return run


def make_onnxruntime(convolution: Convolution, x: Floats, w: Floats, threads: int) -> Run | None:
    """ONNX Runtime: its convolution of NCHW images."""
    return _session(convolution, x, w, threads, "")


def make_blocked(convolution: Convolution, x: Floats, w: Floats, threads: int) -> Run | None:
    """ONNX Runtime's convolution of images in blocks of channels, between which it does not reorder.

    Its inputs are taken as if they were in that order already: the time is right, the values are not.
    """
    if w.shape[0] % 16 or (x.shape[3] % 16 and (x.shape[3] >= 16 or convolution.groups > 1)):
        return None
    if convolution.groups not in (1, x.shape[3]) and (
        w.shape[1] % 16 or w.shape[0] // convolution.groups % 16
    ):
        return None
    return _session(convolution, x, w, threads, "com.microsoft.nchwc")


def _session(convolution: Convolution, x: Floats, w: Floats, threads: int, domain: str) -> Run | None:
    if not (installed("onnxruntime") and installed("onnx")):
        return None
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    top, left = convolution.padding
    node = helper.make_node(
        "Conv",
        ["x", "w"],
        ["y"],
        domain=domain,
        group=convolution.groups,
        pads=[top, left, top, left],
        strides=list(convolution.stride),
        dilations=list(convolution.dilation),
        kernel_shape=list(w.shape[2:]),
    )
    images = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    graph = helper.make_graph(
        [node],
        "convolution",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, images.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(w, "w")],
    )
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft.nchwc", 1)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    # Its threads stop spinning when a run ends: they would take the processor from whoever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Alone in its network a convolution would be put into blocks and back: that is timed apart.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(images))
        binding.bind_output("y")
        session.run_with_iobinding(binding)
    except Exception:  # what it cannot do it says in exceptions of its own
        return None
    # The output's memory is made once.
    binding.bind_ortvalue_output("y", binding.get_outputs()[0])
    return lambda: session.run_with_iobinding(binding)


MAKERS = {"oneDNN": make_onednn, "ORT": make_onnxruntime, "ORT blocked": make_blocked}

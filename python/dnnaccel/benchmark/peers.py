"""The same layers in other libraries, set up as each is fastest, to be timed beside ours.

Each maker returns a function that computes one layer, or None where the library is not installed or cannot.
Weights are prepared once, outside the clock, and the activations are in the layout that the library likes
best, so that nothing is timed but the operation and its call.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from dnnaccel.benchmark.shapes import Convolution, Operands, Product, Run, Shape

__all__ = ["PEERS", "installed", "make"]

Maker: TypeAlias = Callable[[Any, Operands, int], Run | None]
_NO_MORE: list[Any] = []


def installed(module: str) -> bool:
    """Whether this Python has a module."""
    return importlib.util.find_spec(module) is not None


def make(peer: str, shape: Shape, operands: Operands, threads: int) -> Run | None:
    """Return what computes `shape` in the library `peer`, or None."""
    maker = PEERS[peer].get(type(shape))
    return None if maker is None else maker(shape, operands, threads)


def _onednn_convolution(shape: Convolution, operands: Operands, threads: int) -> Run | None:
    """OneDNN as torch has it: weights reordered once, images with the channels last."""
    if not installed("torch"):
        return None
    import torch

    torch.set_num_threads(threads)
    image = torch.from_numpy(operands.x.transpose(0, 3, 1, 2))  # NHWC in memory
    sides = (list(shape.padding), list(shape.stride), list(shape.dilation), shape.groups)
    weights = torch._C._nn.mkldnn_reorder_conv2d_weight(
        torch.from_numpy(operands.w).to_mkldnn(), *sides, list(image.shape)
    )
    convolve = torch.ops.mkldnn._convolution_pointwise.default

    def run() -> Any:
        with torch.no_grad():
            return convolve(image, weights, None, *sides, "none", _NO_MORE, "")

    return run


def _onednn_product(shape: Product, operands: Operands, threads: int) -> Run | None:
    """OneDNN as torch has it, with weights reordered once."""
    if not installed("torch"):
        return None
    import torch

    torch.set_num_threads(threads)
    x = torch.from_numpy(operands.x)
    weights = torch.ops.mkldnn._reorder_linear_weight(torch.from_numpy(operands.w), shape.x_shape[0])
    multiply = torch.ops.mkldnn._linear_pointwise.default

    def run() -> Any:
        with torch.no_grad():
            return multiply(x, weights, None, "none", _NO_MORE, "")

    return run


def _torch_product(shape: Product, operands: Operands, threads: int) -> Run | None:
    """Torch's plain linear function, which is BLAS's product."""
    if not installed("torch"):
        return None
    import torch

    torch.set_num_threads(threads)
    x, w = torch.from_numpy(operands.x), torch.from_numpy(operands.w)

    def run() -> Any:
        with torch.no_grad():
            return torch.nn.functional.linear(x, w)

    return run


def _ort_convolution(shape: Convolution, operands: Operands, threads: int) -> Run | None:
    """ONNX Runtime: its convolution of NCHW images."""
    images = np.ascontiguousarray(operands.x.transpose(0, 3, 1, 2))
    return _session("Conv", images, operands.w, threads, _sides(shape))


def _ort_blocked(shape: Convolution, operands: Operands, threads: int) -> Run | None:
    """ONNX Runtime's convolution of images in blocks of channels, between which it does not reorder.

    Its inputs are taken as if they were in that order already: the time is right, the values are not.
    """
    channels, (outputs, depth, _, _) = shape.x_shape[3], shape.w_shape
    if outputs % 16 or (channels % 16 and (channels >= 16 or shape.groups > 1)):
        return None
    if shape.groups not in (1, channels) and (depth % 16 or outputs // shape.groups % 16):
        return None
    images = np.ascontiguousarray(operands.x.transpose(0, 3, 1, 2))
    return _session("Conv", images, operands.w, threads, _sides(shape), "com.microsoft.nchwc")


def _ort_product(shape: Product, operands: Operands, threads: int) -> Run | None:
    """ONNX Runtime: its Gemm, whose constant weights it packs when the session is made."""
    return _session("Gemm", operands.x, operands.w, threads, {"transB": 1})


def _sides(shape: Convolution) -> dict[str, Any]:
    top, left = shape.padding
    return {
        "group": shape.groups,
        "pads": [top, left, top, left],
        "strides": list(shape.stride),
        "dilations": list(shape.dilation),
        "kernel_shape": list(shape.w_shape[2:]),
    }


def _session(
    operation: str, x: Any, w: Any, threads: int, attributes: dict[str, Any], domain: str = ""
) -> Run | None:
    if not (installed("onnxruntime") and installed("onnx")):
        return None
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node(operation, ["x", "w"], ["y"], domain=domain, **attributes)
    graph = helper.make_graph(
        [node],
        operation,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
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
        binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(x))
        binding.bind_output("y")
        session.run_with_iobinding(binding)
    except Exception:  # what it cannot do it says in exceptions of its own
        return None
    # The output's memory is made once.
    binding.bind_ortvalue_output("y", binding.get_outputs()[0])
    return lambda: session.run_with_iobinding(binding)


PEERS: dict[str, dict[type[Convolution] | type[Product], Maker]] = {
    "oneDNN": {Convolution: _onednn_convolution, Product: _onednn_product},
    "torch": {Product: _torch_product},
    "ORT": {Convolution: _ort_convolution, Product: _ort_product},
    "ORT blocked": {Convolution: _ort_blocked},
}
"""Each library's ways, by what they compute. Adding one: a function above, and its name here."""

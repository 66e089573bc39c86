# %% [markdown]
"""What would your own ONNX model cost on two chips, and does it compute the same here?

Makes a small ONNX file, as an exporter would, reads it in one line, compares two chips, and runs the model on
the native kernels with the file's own weights, beside NumPy. Needs `pip install 'dnnaccel[onnx]'`.

    python examples/own_onnx.py
    python examples/own_onnx.py --out DIR     # keeps DIR/digits.onnx; else it is not kept
"""

# %%
from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper

import dnnaccel as da

scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)

# %% tags=["active-py"]
import argparse

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("--out", type=Path, default=folder, help="where digits.onnx is written")
folder = parser.parse_args().out
folder.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# The file: two convolutions and a matrix product. Take any `.onnx` file of yours in its place.

# %%
rng = np.random.default_rng(0)
shapes = {"w1": (16, 1, 5, 5), "b1": (16,), "w2": (32, 16, 3, 3), "b2": (32,), "w3": (10, 32), "b3": (10,)}
weights = {name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
graph = helper.make_graph(
    [
        helper.make_node("Conv", ["image", "w1", "b1"], ["a"], "conv1", strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"], "relu1"),
        helper.make_node("Conv", ["b", "w2", "b2"], ["c"], "conv2"),
        helper.make_node("Relu", ["c"], ["d"], "relu2"),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], "pool"),
        helper.make_node("Flatten", ["e"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["scores"], "fc", transB=1),
    ],
    "digits",
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 28, 28])],
    [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 10])],
    [numpy_helper.from_array(array, name) for name, array in weights.items()],
)
file = folder / "digits.onnx"
onnx.save(helper.make_model(graph), file)

# %% [markdown]
# Read it, giving the size that it leaves open, and compare two chips:

# %%
net = da.from_onnx(file, dims={"batch": 1})
print(net.summary())
print()
print(da.compare(net, ["eyeriss", "nvdla_small"]))

# %% [markdown]
# Run it with its weights on this machine's processor, and compare with NumPy:


# %%
def convolved(x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: int = 1) -> np.ndarray:
    """Return a convolution without padding: a window for each output, times each filter."""
    windows = sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ncpqrs,mcrs->nmpq", windows, w) + b[:, None, None]


x = rng.random((1, 1, 28, 28), dtype=np.float32)
hidden = np.maximum(convolved(x, weights["w1"], weights["b1"], stride=2), 0)
hidden = np.maximum(convolved(hidden, weights["w2"], weights["b2"]), 0)
expected = hidden.mean(axis=(2, 3)) @ weights["w3"].T + weights["b3"]

model = da.runtime.compile(net, file)
scores = model(x)
difference = np.abs(scores - expected).max() / np.abs(expected).max()
print(model)
print("scores:  ", np.round(scores[0], 3))
print("in NumPy:", np.round(expected[0], 3))
print("the same, to rounding:", bool(difference < 1e-5))
scratch.cleanup()

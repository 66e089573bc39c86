"""Attention and products of matrices of other libraries, to be timed beside ours.

Each maker returns a function that computes one case, or None where the library is not installed or cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnnaccel.benchmark.peers import installed
from dnnaccel.benchmark.shapes import Run

__all__ = ["ATTENTION_MAKERS", "PRODUCT_MAKERS", "AttentionCase", "ProductCase"]

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class AttentionCase:
    """Attention of tensors (batch, tokens, heads * head)."""

    name: str
    batch: int
    queries: int
    keys: int
    heads: int
    head: int
    causal: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates, those left out that a causal mask makes needless."""
        pairs = self.queries * self.keys
        if self.causal:
            pairs -= self.queries * (self.queries - 1) // 2
        return 2 * self.batch * self.heads * pairs * self.head

    def inputs(self) -> tuple[Floats, Floats, Floats]:
        rng = np.random.default_rng(0)
        width = self.heads * self.head
        shapes = [(self.batch, tokens, width) for tokens in (self.queries, self.keys, self.keys)]
        query, key, value = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
        return query, key, value


@dataclass(frozen=True)
class ProductCase:
    """A product of matrices: (batch, rows, depth) times (batch, depth, columns)."""

    batch: int
    rows: int
    depth: int
    columns: int
    transposed: bool = False

    @property
    def name(self) -> str:
        sizes = f"{self.batch} x {self.rows}x{self.depth}x{self.columns}"
        return sizes + ", transposed" * self.transposed

    @property
    def macs(self) -> int:
        return self.batch * self.rows * self.depth * self.columns

    def inputs(self) -> tuple[Floats, Floats]:
        rng = np.random.default_rng(0)
        right = (self.columns, self.depth) if self.transposed else (self.depth, self.columns)
        return (
            rng.standard_normal((self.batch, self.rows, self.depth), dtype=np.float32),
            rng.standard_normal((self.batch, *right), dtype=np.float32),
        )


def make_torch_attention(case: AttentionCase, threads: int) -> Run | None:
    """Torch's fused attention, its heads as views of what layers of matrices leave."""
    return _torch_attention(case, threads, apart=False)


def make_torch_heads(case: AttentionCase, threads: int) -> Run | None:
    """The same with each head's values in one piece, as if somebody had moved them there for nothing."""
    return _torch_attention(case, threads, apart=True)


def _torch_attention(case: AttentionCase, threads: int, apart: bool) -> Run | None:
    if not installed("torch"):
        return None
    import torch

    torch.set_num_threads(threads)
    heads = [
        torch.from_numpy(x).view(case.batch, x.shape[1], case.heads, case.head).transpose(1, 2)
        for x in case.inputs()
    ]
    if apart:
        heads = [x.contiguous() for x in heads]
    attend = torch.nn.functional.scaled_dot_product_attention

    def run() -> Any:
        with torch.no_grad():
            out = attend(*heads, is_causal=case.causal)
        return out.transpose(1, 2).reshape(case.batch, case.queries, -1).numpy()

    return run


def make_torch_product(case: ProductCase, threads: int) -> Run | None:
    if not installed("torch"):
        return None
    import torch

    torch.set_num_threads(threads)
    left, right = (torch.from_numpy(x) for x in case.inputs())
    right = right.transpose(1, 2) if case.transposed else right
    out = torch.empty(case.batch, case.rows, case.columns)

    def run() -> Any:
        with torch.no_grad():
            torch.bmm(left, right, out=out)
        return out.numpy()

    return run


def make_onnx_attention(case: AttentionCase, threads: int) -> Run | None:
    """ONNX Runtime's MultiHeadAttention."""
    if not installed("onnx"):
        return None
    from onnx import helper

    node = helper.make_node(
        "MultiHeadAttention",
        ["a", "b", "c"],
        ["y"],
        domain="com.microsoft",
        num_heads=case.heads,
        unidirectional=int(case.causal),
    )
    return _session([node], case.inputs(), threads)


def make_onnx_product(case: ProductCase, threads: int) -> Run | None:
    """ONNX Runtime's MatMul, which takes a transposed side as FusedMatMul."""
    if not installed("onnx"):
        return None
    from onnx import helper

    if case.transposed:
        node = helper.make_node("FusedMatMul", ["a", "b"], ["y"], domain="com.microsoft", transB=1)
    else:
        node = helper.make_node("MatMul", ["a", "b"], ["y"])
    return _session([node], case.inputs(), threads)


def _session(nodes: list[Any], inputs: tuple[Floats, ...], threads: int) -> Run | None:
    if not installed("onnxruntime"):
        return None
    import onnxruntime as ort
    from onnx import TensorProto, helper

    names = "abc"[: len(inputs)]
    graph = helper.make_graph(
        nodes,
        "case",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape)
            for name, x in zip(names, inputs, strict=True)
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    # Its threads stop spinning when a run ends: they would take the processor from whoever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        binding = session.io_binding()
        for name, x in zip(names, inputs, strict=True):
            binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(x))
        binding.bind_output("y")
        session.run_with_iobinding(binding)
    except Exception:  # what it cannot do it says in exceptions of its own
        return None
    # The output's memory is made once.
    out = binding.get_outputs()[0]
    binding.bind_ortvalue_output("y", out)

    def run() -> Any:
        session.run_with_iobinding(binding)
        return out.numpy()

    return run


ATTENTION_MAKERS = {
    "torch": make_torch_attention,
    "torch, heads apart": make_torch_heads,
    "ORT": make_onnx_attention,
}
PRODUCT_MAKERS = {"torch.bmm": make_torch_product, "ORT": make_onnx_product}

"""Modules of PyTorch as networks: work, weights, names and shapes are those of layer arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from dnnaccel import Network, NetworkError, from_torch, simulate


class Block(nn.Module):
    """A residual block, its ReLU in place and used twice."""

    def __init__(self, channels: int, groups: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False, groups=groups)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += x
        return self.relu(y)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 7, stride=2, padding=3)
        self.layer1 = nn.Sequential(Block(8), Block(8, groups=4))
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.fc = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.layer1(self.stem(x)))
        return functional.softmax(self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1)), dim=1)


class Encoder(nn.Module):
    """Tokens and positions, a layer of BERT, and the table of tokens again on the way out."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(50, 16)
        self.positions = nn.Parameter(torch.zeros(1, 12, 16))
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, activation="gelu")
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.positions[:, : ids.shape[1]]
        return self.head(self.layer(x))


class Attention(nn.Module):
    """Attention by hand, its matrices plain parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Parameter(torch.zeros(16, 16))
        self.kv = nn.Linear(16, 32)
        self.shift = nn.Parameter(torch.zeros(16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q = x @ self.q + self.shift
        k, v = self.kv(x).chunk(2, dim=-1)
        return torch.softmax(q @ k.transpose(-2, -1) * 0.25, dim=-1) @ v


class Sequence(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 16, **options)
        self.out = nn.Linear(32 if options.get("bidirectional") else 16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.lstm(x)[0])


class LastState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(8, 6, num_layers=2, batch_first=True)
        self.out = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.rnn(x)[1][-1])


class Vision(nn.Module):
    """Patches, a class token, positions, and attention as torch packs it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 16))
        self.pos_embed = nn.Parameter(torch.zeros(1, 17, 16))
        self.attn = nn.MultiheadAttention(16, 2, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.pos_embed
        y = self.norm(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return self.head(x[:, 0])


class Odd(nn.Module):
    """What is written in unusual ways."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(4, 6, (2, 3), padding="same")
        self.depth = nn.Conv2d(6, 12, 3, groups=6, dilation=2)
        self.line = nn.Conv1d(12, 5, 3, stride=2, padding=1)
        self.left = nn.Parameter(torch.zeros(7, 5))
        self.right = nn.Parameter(torch.zeros(7, 3))
        self.shift = nn.Parameter(torch.zeros(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.hardtanh(self.depth(functional.silu(self.wide(x))), 0.0, 6.0)
        x = functional.avg_pool1d(self.line(x.mean(3)), 2)
        return torch.addmm(self.shift, (self.left @ x).mean(2), self.right) / 2


def flops(module: nn.Module, *inputs: torch.Tensor) -> int:
    """What torch's own counter finds: it counts a multiply-accumulate as two."""
    # The counter knows neither the fused layers of torch's fast path nor the CPU's fused attention.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            FlopCounterMode(display=False) as counter,
            sdpa_kernel(SDPBackend.MATH),
            torch.no_grad(),
        ):
            module.eval()(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    return int(counter.get_total_flops())


IMAGE = torch.zeros(2, 3, 16, 16)
MODULES: list[tuple[Callable[[], nn.Module], torch.Tensor]] = [
    (Residual, IMAGE),
    (Encoder, torch.zeros(2, 9, dtype=torch.long)),
    (Attention, torch.zeros(2, 7, 16)),
    (Vision, IMAGE),
    (Odd, torch.zeros(1, 4, 9, 9)),
]


@pytest.mark.parametrize(("make", "given"), MODULES)
def test_macs_and_parameters_are_torchs(make: Callable[[], nn.Module], given: torch.Tensor) -> None:
    module = make()
    net = from_torch(module, given)
    assert 2 * net.total_macs == flops(module, given)
    assert net.total_parameters == sum(one.numel() for one in module.parameters())
    assert list(net.outputs.values()) == [tuple(module(given).shape)]
    assert "unknown_operators" not in net.metadata
    assert net.name == make.__name__


def test_a_residual_network_layer_by_layer() -> None:
    net = from_torch(Residual(), IMAGE, name="small")
    assert net.name == "small"
    assert [layer.name for layer in net] == [
        "stem",
        *("layer1.0.conv1", "layer1.0.bn1", "layer1.0.relu", "layer1.0.conv2", "layer1.0.bn2"),
        *("layer1.0.add", "layer1.0.relu_2"),
        *("layer1.1.conv1", "layer1.1.bn1", "layer1.1.relu", "layer1.1.conv2", "layer1.1.bn2"),
        *("layer1.1.add", "layer1.1.relu_2"),
        *("pool", "adaptive_avg_pool2d", "view", "fc", "softmax"),
    ]
    # What was changed in place is read as changed: the block's sum is of the stem and the second norm.
    assert set(net["layer1.0.add"].inputs) == {"layer1.0.bn2", "stem"}
    assert net["layer1.1.conv1"].macs == 2 * 8 * 8 * 8 * 9 * 2
    assert net["adaptive_avg_pool2d"].kind == "global_avg_pool"
    assert net["view"].kind == "flatten"
    assert simulate(net, "eyeriss").macs == net.total_macs


@pytest.mark.parametrize("axes", [(1,), (2,), (3,), (1, 2), (1, 3), (2, 3), (1, 2, 3), (-1, 1)])
@pytest.mark.parametrize("kept", [True, False])
def test_means_over_any_axes(axes: tuple[int, ...], kept: bool) -> None:
    class Mean(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean(axes, keepdim=kept) + x.amax(axes, keepdim=kept)

    given = torch.zeros(2, 3, 4, 5)
    net = from_torch(Mean(), given)
    shape = tuple(Mean()(given).shape)
    assert list(net.outputs.values()) == [(*shape, 1)[: max(2, len(shape))]]
    means = [layer for layer in net if layer.kind == "global_avg_pool"]
    assert [layer.ops for layer in means] == [120]
    assert {layer.kind for layer in net} >= {"global_avg_pool", "global_max_pool", "add"}
    assert "unknown_operators" not in net.metadata


def test_shuffles_are_found() -> None:
    class Shuffled(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            n, c, h, w = x.shape
            mixed = x.view(n, 3, c // 3, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
            return nn.ChannelShuffle(2)(mixed)

    net = from_torch(Shuffled(), torch.zeros(1, 12, 4, 4))
    assert [(layer.kind, layer.groups) for layer in net] == [("channel_shuffle", 3), ("channel_shuffle", 2)]


def test_shared_weights_are_counted_once() -> None:
    net = from_torch(Encoder(), torch.zeros(2, 9, dtype=torch.long))
    assert net["head"].weights_from == "tokens"
    assert net["positions"].kind == "position_embedding"
    assert net["positions"].parameters == 12 * 16
    twice = nn.Linear(8, 8)
    net = from_torch(nn.Sequential(twice, nn.ReLU(), twice), torch.zeros(1, 8))
    assert net.total_parameters == 72
    assert net.total_macs == 128


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
def test_recurrent_layers(batch_first: bool, bidirectional: bool, layers: int) -> None:
    module = Sequence(batch_first=batch_first, bidirectional=bidirectional, num_layers=layers)
    given = torch.zeros(3, 5, 8)
    net = from_torch(module, given)
    both = 2 if bidirectional else 1
    widths = [8, *(16 * both for _ in range(layers - 1))]
    cells = sum(both * 4 * 16 * (width + 16) for width in widths)
    assert net.total_macs == 15 * (cells + 16 * both * 4)
    assert net.total_parameters == sum(one.numel() for one in module.parameters())
    found = [layer for layer in net if layer.kind == "lstm"]
    assert len(found) == both * layers
    assert sum(layer.reverse for layer in found) == (layers if bidirectional else 0)
    assert list(net.outputs.values()) == [tuple(module(given)[0:].shape)]


def test_last_states_are_cut_from_the_sequence() -> None:
    module = LastState()
    net = from_torch(module, torch.zeros(4, 5, 8))
    assert [layer.name for layer in net if layer.kind == "gru"] == ["rnn.l0", "rnn.l1"]
    assert list(net.outputs.values()) == [(4, 3)]
    assert net.total_parameters == sum(one.numel() for one in module.parameters())
    assert "unknown_operators" not in net.metadata


class Decoder(nn.Module):
    """A block of GPT-2 as it is often written, with a mask in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(30, 16)
        self.positions = nn.Embedding(12, 16)
        self.qkv = nn.Linear(16, 48)
        self.out = nn.Linear(16, 16)
        self.register_buffer("mask", torch.tril(torch.ones(12, 12)).view(1, 1, 12, 12))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        batch, steps = ids.shape
        x = self.tokens(ids) + self.positions(torch.arange(steps, device=ids.device))
        q, k, v = (one.view(batch, steps, 4, 4).transpose(1, 2) for one in self.qkv(x).split(16, dim=2))
        scores = (q @ k.transpose(-2, -1)) * 0.5
        scores = scores.masked_fill(self.mask[:, :, :steps, :steps] == 0, float("-inf"))
        y = (functional.softmax(scores, dim=-1) @ v).transpose(1, 2).contiguous().view(batch, steps, 16)
        return x + self.out(y)


def test_names_are_those_of_modules_and_operators_without_gaps() -> None:
    net = from_torch(Decoder(), torch.zeros(2, 9, dtype=torch.long))
    assert [layer.name for layer in net] == [
        *("tokens", "positions", "qkv", "split", "split_2", "split_3"),
        *("view", "transpose", "view_2", "view_3", "transpose_2", "transpose_3"),
        *("matmul", "mul", "softmax", "matmul_2", "transpose_4", "view_4", "out", "add"),
    ]
    assert net.total_macs == 2 * (9 * 16 * 64 + 2 * 4 * 9 * 9 * 4)
    assert "unknown_operators" not in net.metadata
    line = from_torch(nn.Sequential(nn.Conv1d(4, 6, 3), nn.MaxPool1d(2)), torch.zeros(1, 4, 10))
    assert [layer.name for layer in line] == ["0.reshape", "0", "1", "1.reshape"]
    assert [layer.kind for layer in line] == ["reshape", "conv2d", "max_pool", "reshape"]


def test_an_unknown_operator_is_kept_with_its_traffic(tmp_path: Path) -> None:
    class Unusual(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            values, places = torch.topk(functional.interpolate(x, scale_factor=2.0).flatten(1), 3)
            return values * 2 + torch.erf(places.float())

    net = from_torch(Unusual(), torch.zeros(1, 2, 4, 4))
    found = {layer.name: layer for layer in net if layer.kind == "opaque"}
    operators = {layer.operator for layer in found.values()}
    assert operators >= {"aten.topk", "aten.erf"}
    assert any(operator.startswith("aten.upsample") for operator in operators)
    assert "aten.topk x2" in str(net.metadata["unknown_operators"])
    assert "counted by their traffic alone" in str(net.metadata["note"])
    assert list(net.outputs.values()) == [(1, 3)]
    net.save(tmp_path / "net.yaml")
    assert Network.load(tmp_path / "net.yaml") == net


def test_what_the_layers_do_not_hold_is_told() -> None:
    net = from_torch(nn.Sequential(nn.Linear(4, 4), nn.PReLU(4)), torch.zeros(1, 4))
    assert "the module has 24 parameters, the layers 20" in str(net.metadata["note"])


def test_broadcast_products_are_not_guessed() -> None:
    class Excited(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * torch.sigmoid(x.mean((2, 3), keepdim=True))

    net = from_torch(Excited(), torch.zeros(1, 4, 3, 3))
    assert [layer.kind for layer in net] == ["global_avg_pool", "sigmoid", "opaque"]
    assert net.metadata["unknown_operators"] == "aten.mul (broadcast) x1"


def test_the_module_stays_as_it_was() -> None:
    module = Residual().train()
    module.pool.eval()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    net = from_torch(module, IMAGE)
    assert [module.training, module.layer1.training, module.pool.training] == [True, True, False]
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert net == from_torch(module.eval(), (IMAGE,)) == from_torch(module, {"x": IMAGE})
    assert from_torch(Residual().to("meta"), IMAGE.to("meta")) == net


class DataDependent(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.nonzero() * 2


class Failing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no such thing\nat all")


@pytest.mark.parametrize(
    ("module", "given", "wanted"),
    [
        (DataDependent(), torch.zeros(2, 2), "depends on data; layers need fixed shapes"),
        (Failing(), torch.zeros(2, 2), "torch.export cannot export Failing: "),
        (nn.Linear(3, 4), torch.zeros(2, 2), "torch.export cannot export Linear: "),
        (nn.Identity(), torch.zeros(2, 2), "Identity computes nothing from its inputs by layers"),
        (nn.Linear(2, 2), 3, "takes a tensor, a tuple of arguments or a dict"),
        ("resnet", torch.zeros(2, 2), "from_torch takes a torch.nn.Module, given str"),
        (nn.Linear(2, 2), torch.zeros(0, 2), "is empty"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(module: Any, given: Any, wanted: str) -> None:
    with pytest.raises(NetworkError) as caught:
        from_torch(module, given)
    assert wanted in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1

"""The two evaluators that the runtime's results are compared with, against each other; state dicts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import numpy_net
import torch_net
from dnnaccel import from_torch, layers, zoo
from dnnaccel.errors import WeightsError
from dnnaccel.runtime import load_weights, random_weights
from small_nets import SMALL_NETS, random_inputs, with_statistics


@pytest.mark.parametrize("name", SMALL_NETS)
def test_torch_and_numpy_agree(name: str) -> None:
    net = SMALL_NETS[name]()
    weights, inputs = with_statistics(net), random_inputs(net)
    ours = numpy_net.evaluate(net, weights, inputs)
    theirs = torch_net.evaluate(net, weights, inputs, dtype=torch.float64)
    for layer in net:
        assert np.allclose(theirs[layer.name].numpy(), ours[layer.name], rtol=1e-9, atol=1e-12), layer


def test_small_networks_have_every_kind() -> None:
    kinds = {layer.kind for make in SMALL_NETS.values() for layer in make()}
    assert kinds == set(layers.KINDS) - {"opaque"}
    assert set(numpy_net.KINDS) == kinds


class Tagger(torch.nn.Module):
    """Two bidirectional LSTM layers, a GRU and attention of torch's own."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(11, 8)
        self.lstm = torch.nn.LSTM(8, 4, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = torch.nn.GRU(8, 6, batch_first=True)
        self.norm = torch.nn.LayerNorm(6, eps=1e-3)
        self.act = torch.nn.GELU(approximate="tanh")
        self.out = torch.nn.Linear(6, 11)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.gru(self.lstm(self.words(tokens))[0])[0]
        return self.out(self.act(self.norm(x)))


class Classifier(torch.nn.Module):
    """Convolutions with batch normalisation and statistics of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, stride=2, bias=False)
        self.bn = torch.nn.BatchNorm2d(8, eps=1e-3)
        self.pool = torch.nn.AdaptiveAvgPool2d(1)
        self.fc = torch.nn.Linear(8, 5)
        for buffer in (self.bn.running_mean, self.bn.running_var):
            assert buffer is not None
            buffer.uniform_(0.5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.pool(torch.relu(self.bn(self.conv(x)))).flatten(1))


@pytest.mark.parametrize(
    ("module", "x"),
    [(Tagger(), torch.randint(0, 11, (2, 5))), (Classifier(), torch.randn(2, 3, 9, 9))],
    ids=("tagger", "classifier"),
)
def test_state_dict_of_an_imported_module(module: torch.nn.Module, x: torch.Tensor) -> None:
    module.eval()
    net = from_torch(module, x)
    weights = load_weights(module.state_dict(), net)
    values = numpy_net.evaluate(net, weights, {next(iter(net.inputs)): x.numpy()})
    with torch.no_grad():
        wanted = module(x).numpy()
    (output,) = net.outputs
    assert np.allclose(values[output], wanted, rtol=1e-5, atol=1e-6)


def test_state_dict_of_a_network_by_other_names() -> None:
    net = zoo.load("lenet5")
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 5, padding=2),
        torch.nn.Conv2d(6, 16, 5),
        torch.nn.Conv2d(16, 120, 5),
        torch.nn.Linear(120, 84),
        torch.nn.Linear(84, 10),
    )
    weights = load_weights(module.state_dict(), net)
    assert np.array_equal(weights["fc4.bias"], module[3].bias.detach().numpy())
    with pytest.raises(WeightsError, match=r"by order and shape it does not fit"):
        load_weights(module[1:].state_dict(), net)


@pytest.mark.parametrize("name", ["resnet152", "bert_base", "nasnet_a_4_1056"])
def test_random_weights_keep_deep_networks_in_range(name: str) -> None:
    net = zoo.load(name)
    values = torch_net.evaluate(net, random_weights(net), random_inputs(net))
    for layer in net:
        spread = float(values[layer.name].pow(2).mean().sqrt())
        assert 1e-3 < spread < 1e3 or layer.kind in ("softmax", "multiply"), (layer.name, spread)

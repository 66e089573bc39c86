"""Without torch: the package says what to install, and reads calls that others have exported."""

from __future__ import annotations

import sys

import pytest

import dnnaccel as da
from dnnaccel.importers.torch.build import build_network
from dnnaccel.importers.torch.values import Call, Constant, Exported, Ref


def test_a_missing_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(da.MissingExtraError, match=r"pip install 'dnnaccel\[torch\]'"):
        da.from_torch(object(), ())


def test_calls_become_layers_without_torch() -> None:
    linear = {"input": Ref("x"), "weight": Ref("w"), "bias": None}
    calls = (
        Call("a", "linear", linear, ((2, 5),), path="head.fc", leaf=True),
        Call("b", "relu", {"self": Ref("a")}, ((2, 5),), path="head"),
        Call("c", "erf", {"self": Ref("b")}, ((2, 5),)),
    )
    net = build_network(
        Exported(
            name="Net",
            inputs={"x": (2, 3), "unread": (2, 9)},
            constants={"w": Constant((5, 3), "head.fc.weight", 15)},
            calls=calls,
            outputs=("c",),
            parameters=15,
        ),
        name=None,
    )
    assert [(layer.name, layer.kind) for layer in net] == [
        ("head.fc", "linear"),
        ("head.relu", "relu"),
        ("erf", "opaque"),
    ]
    assert net.total_macs == 30
    assert list(net.inputs) == ["x"]
    assert net.metadata["unknown_operators"] == "aten.erf x1"

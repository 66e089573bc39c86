"""Networks that come with the package: `names()` lists them, `load(name)` builds one."""

from __future__ import annotations

from collections.abc import Callable

from dnnaccel.errors import NetworkError, unknown_name
from dnnaccel.layers import whole_number
from dnnaccel.network import Network
from dnnaccel.zoo import alexnet, lenet, resnet, vgg

__all__ = ["load", "names"]

# Adding a network: a function of the batch in its family's file, and one line here.
_NETWORKS: dict[str, Callable[[int], Network]] = {
    "lenet5": lenet.lenet5,
    "alexnet": alexnet.alexnet,
    "vgg16": vgg.vgg16,
    "resnet50": resnet.resnet50,
}


def names() -> list[str]:
    """Return the names that `load` knows, oldest network first."""
    return list(_NETWORKS)


def load(name: str, *, batch: int = 1) -> Network:
    """Build the network `name` for `batch` samples at a time.

    Raises `UnknownNameError` with the nearest name, and `NetworkError` for a batch that is no whole number
    from 1 to 2**31 - 1.

    Examples
    --------
    >>> load("alexnet").total_macs
    724406816
    """
    if name not in _NETWORKS:
        raise unknown_name("network", name, _NETWORKS)
    size = whole_number(batch, minimum=1)
    if size is None:
        raise NetworkError(
            f"network {name!r}: batch must be a whole number from 1 to 2**31 - 1, given {batch!r}"
        )
    return _NETWORKS[name](size)

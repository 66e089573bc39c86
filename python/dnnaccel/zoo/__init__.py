"""Networks that come with the package: `names()` lists them, `load(name)` builds one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from dnnaccel.errors import NetworkError, unknown_name
from dnnaccel.layers import whole_number
from dnnaccel.network import Network
from dnnaccel.zoo import (
    alexnet,
    lenet,
    mobilenet,
    overfeat,
    resnet,
    shufflenet,
    squeezenet,
    vgg,
    xception,
)
from dnnaccel.zoo._table import NetworkRow, NetworkTable, choose

__all__ = ["NetworkRow", "NetworkTable", "load", "names", "table"]

# Adding a network: a function of its options in its family's file, and one line here.
_NETWORKS: dict[str, Callable[..., Network]] = {
    "lenet5": lenet.lenet5,
    "lenet5_sparse": lenet.lenet5_sparse,
    "alexnet": alexnet.alexnet,
    "zfnet": alexnet.zfnet,
    "overfeat_fast": overfeat.overfeat_fast,
    "overfeat_accurate": overfeat.overfeat_accurate,
    "lenet_caffe": lenet.lenet_caffe,
    "alexnet_torchvision": alexnet.alexnet_torchvision,
    "vgg16": vgg.vgg16,
    "vgg19": vgg.vgg19,
    "resnet50": resnet.resnet50,
    "squeezenet_v1_0": squeezenet.squeezenet_v1_0,
    "squeezenet_v1_1": squeezenet.squeezenet_v1_1,
    "xception": xception.xception,
    "mobilenet_v1": mobilenet.mobilenet_v1,
    "shufflenet_v1": shufflenet.shufflenet_v1,
    "mobilenet_v2": mobilenet.mobilenet_v2,
}


def names() -> list[str]:
    """Return the names that `load` knows, oldest network first."""
    return list(_NETWORKS)


def load(
    name: str,
    *,
    batch: int = 1,
    image_size: int | None = None,
    sequence_length: int | None = None,
    width: float | None = None,
) -> Network:
    """Build the network `name` for `batch` samples at a time.

    Parameters
    ----------
    name
        One of `names`.
    batch
        Samples of one run.
    image_size
        Rows and columns of the input image, where the network takes one; None for the published size.
    sequence_length
        Words, tokens or steps of one sample, where the network takes a sequence.
    width
        Factor on the numbers of channels, where the network has one (MobileNet, ShuffleNet).

    Raises
    ------
    UnknownNameError
        For a name that is none of `names`, with the nearest one.
    NetworkError
        For an option that the network does not have, or a value that makes no sense.

    Examples
    --------
    >>> load("alexnet").total_macs
    724406816
    """
    if name not in _NETWORKS:
        raise unknown_name("network", name, _NETWORKS)
    given = {"image_size": image_size, "sequence_length": sequence_length}
    options: dict[str, int | float] = {}
    for option, value in {"batch": batch, **given}.items():
        if value is None:
            continue
        size = whole_number(value, minimum=1)
        if size is None:
            raise NetworkError(
                f"network {name!r}: {option} must be a whole number from 1 to 2**31 - 1, given {value!r}"
            )
        options[option] = size
    if width is not None:
        if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= 16:
            raise NetworkError(
                f"network {name!r}: width must be a number above 0, at most 16, given {width!r}"
            )
        options["width"] = width
    build = _NETWORKS[name]
    known = [option for option in inspect.signature(build).parameters if option in ("batch", *given, "width")]
    for option in options:
        if option not in known:
            raise NetworkError(f"network {name!r} has no option {option}; it has {', '.join(known)}")
    return build(**options)


def table(names: str | Iterable[str] | None = None) -> NetworkTable:
    """Return one row per network: its layers, sizes and accuracy beside the totals that are quoted for it.

    Parameters
    ----------
    names
        Names or patterns such as ``resnet*``, in any order; None for all networks.

    Raises
    ------
    UnknownNameError
        For a name or pattern that fits no network, with the nearest name.

    Examples
    --------
    >>> [row.conv_layers for row in table("vgg*")]
    [13, 16]
    """
    given = (names,) if isinstance(names, str) else names
    chosen = _NETWORKS if given is None else choose(given, _NETWORKS)
    return NetworkTable(rows=tuple(NetworkRow.of(load(name)) for name in chosen))

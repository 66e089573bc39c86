"""Networks that come with the package: `names()` lists them, `load(name)` builds one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from dnnaccel.errors import NetworkError, unknown_name
from dnnaccel.layers import whole_number
from dnnaccel.network import Network
from dnnaccel.zoo import (
    alexnet,
    bert,
    densenet,
    dpn,
    googlenet,
    gpt,
    inception,
    inception_resnet,
    lenet,
    mlp,
    mobilenet,
    nasnet,
    overfeat,
    polynet,
    recurrent,
    resnet,
    resnet_cifar,
    resnext,
    shufflenet,
    squeezenet,
    transformer,
    vgg,
    vit,
    wide_resnet,
    xception,
)
from dnnaccel.zoo._table import NetworkRow, NetworkTable, choose

__all__ = ["NetworkRow", "NetworkTable", "load", "names", "table"]

# Adding a network: a function of its options in its family's file, and one line here.
_NETWORKS: dict[str, Callable[..., Network]] = {
    "lenet5": lenet.lenet5,
    "lenet5_sparse": lenet.lenet5_sparse,
    "lenet_caffe": lenet.lenet_caffe,
    "mlp": mlp.mlp,
    "alexnet": alexnet.alexnet,
    "alexnet_torchvision": alexnet.alexnet_torchvision,
    "zfnet": alexnet.zfnet,
    "overfeat_fast": overfeat.overfeat_fast,
    "overfeat_accurate": overfeat.overfeat_accurate,
    "vgg16": vgg.vgg16,
    "vgg19": vgg.vgg19,
    "googlenet": googlenet.googlenet,
    "inception_v2": inception.inception_v2,
    "inception_v3": inception.inception_v3,
    "inception_v4": inception.inception_v4,
    "inception_resnet_v2": inception_resnet.inception_resnet_v2,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "resnet101": resnet.resnet101,
    "resnet152": resnet.resnet152,
    "resnet50_v1_5": resnet.resnet50_v1_5,
    "resnet101_v1_5": resnet.resnet101_v1_5,
    "resnet152_v1_5": resnet.resnet152_v1_5,
    "resnet1202": resnet_cifar.resnet1202,
    "wide_resnet50_2": wide_resnet.wide_resnet50_2,
    "wrn28_10": wide_resnet.wrn28_10,
    "resnext50_32x4d": resnext.resnext50_32x4d,
    "resnext101_32x4d": resnext.resnext101_32x4d,
    "resnext101_64x4d": resnext.resnext101_64x4d,
    "densenet121": densenet.densenet121,
    "densenet161": densenet.densenet161,
    "densenet169": densenet.densenet169,
    "densenet201": densenet.densenet201,
    "dpn131": dpn.dpn131,
    "polynet": polynet.polynet,
    "squeezenet_v1_0": squeezenet.squeezenet_v1_0,
    "squeezenet_v1_1": squeezenet.squeezenet_v1_1,
    "xception": xception.xception,
    "mobilenet_v1": mobilenet.mobilenet_v1,
    "mobilenet_v2": mobilenet.mobilenet_v2,
    "shufflenet_v1": shufflenet.shufflenet_v1,
    "nasnet_a_4_1056": nasnet.nasnet_a_4_1056,
    "nasnet_a_5_1538": nasnet.nasnet_a_5_1538,
    "nasnet_a_6_4032": nasnet.nasnet_a_6_4032,
    "nasnet_a_7_1920": nasnet.nasnet_a_7_1920,
    "rnn": recurrent.rnn,
    "lstm": recurrent.lstm,
    "gru": recurrent.gru,
    "gnmt": recurrent.gnmt,
    "transformer_base": transformer.transformer_base,
    "transformer_big": transformer.transformer_big,
    "bert_base": bert.bert_base,
    "gpt2_small": gpt.gpt2_small,
    "gpt2_small_decode": gpt.gpt2_small_decode,
    "vit_b16": vit.vit_b16,
}


def names() -> list[str]:
    """Return the names that `load` knows, family by family, as the tutorial walks through them."""
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


def table(
    names: str | Iterable[str] | None = None,
    *,
    image_size: int | None = None,
    sequence_length: int | None = None,
    width: float | None = None,
) -> NetworkTable:
    """Return one row per network: its layers, sizes and accuracy beside the totals that are quoted for it.

    Parameters
    ----------
    names
        Names or patterns such as ``resnet*``, in any order; None for all networks.
    image_size, sequence_length, width
        As `load` takes them, for every network of the table.

    Raises
    ------
    UnknownNameError
        For a name or pattern that fits no network, with the nearest name.
    NetworkError
        For an option that one of the networks does not have, or a value that makes no sense.

    Examples
    --------
    >>> [row.conv_layers for row in table("vgg*")]
    [13, 16]
    """
    given = (names,) if isinstance(names, str) else names
    chosen = _NETWORKS if given is None else choose(given, _NETWORKS)
    nets = (
        load(name, image_size=image_size, sequence_length=sequence_length, width=width) for name in chosen
    )
    return NetworkTable(rows=tuple(NetworkRow.of(net) for net in nets))

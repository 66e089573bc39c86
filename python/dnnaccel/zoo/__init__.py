"""Networks that come with the package: `names()` lists them, `load(name)` builds one."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dnnaccel._lazy import getter
from dnnaccel.errors import NetworkError, unknown_name
from dnnaccel.layers import whole_number
from dnnaccel.network import Network

if TYPE_CHECKING:
    from dnnaccel.zoo._table import NetworkRow, NetworkTable

__all__ = ["NetworkRow", "NetworkTable", "load", "names", "table"]

# Adding a network: a function of its options in its family's file, and its name here. A family is loaded when
# one of its networks is.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "lenet": ("lenet5", "lenet5_sparse", "lenet_caffe"),
    "mlp": ("mlp",),
    "alexnet": ("alexnet", "alexnet_torchvision", "zfnet"),
    "overfeat": ("overfeat_fast", "overfeat_accurate"),
    "vgg": ("vgg16", "vgg19"),
    "googlenet": ("googlenet",),
    "inception": ("inception_v2", "inception_v3", "inception_v4"),
    "inception_resnet": ("inception_resnet_v2",),
    "resnet": (
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "resnet50_v1_5",
        "resnet101_v1_5",
        "resnet152_v1_5",
    ),
    "resnet_cifar": ("resnet1202",),
    "wide_resnet": ("wide_resnet50_2", "wrn28_10"),
    "resnext": ("resnext50_32x4d", "resnext101_32x4d", "resnext101_64x4d"),
    "densenet": ("densenet121", "densenet161", "densenet169", "densenet201"),
    "dpn": ("dpn131",),
    "polynet": ("polynet",),
    "squeezenet": ("squeezenet_v1_0", "squeezenet_v1_1"),
    "xception": ("xception",),
    "mobilenet": ("mobilenet_v1", "mobilenet_v2"),
    "shufflenet": ("shufflenet_v1",),
    "nasnet": ("nasnet_a_4_1056", "nasnet_a_5_1538", "nasnet_a_6_4032", "nasnet_a_7_1920"),
    "recurrent": ("rnn", "lstm", "gru", "gnmt"),
    "transformer": ("transformer_base", "transformer_big"),
    "bert": ("bert_base",),
    "gpt": ("gpt2_small", "gpt2_small_decode"),
    "vit": ("vit_b16",),
}
_FAMILY_OF = {name: family for family, names in _FAMILIES.items() for name in names}


if not TYPE_CHECKING:  # who checks types should be told of a name that is not there
    __getattr__ = getter(__name__, {"NetworkRow": "_table", "NetworkTable": "_table"}, _FAMILIES)


def __dir__() -> list[str]:
    return sorted({*__all__, *_FAMILIES})


def names() -> list[str]:
    """Return the names that `load` knows, family by family, as the tutorial walks through them."""
    return list(_FAMILY_OF)


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
    if name not in _FAMILY_OF:
        raise unknown_name("network", name, _FAMILY_OF)
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
    build: Callable[..., Network] = getattr(importlib.import_module(f"dnnaccel.zoo.{_FAMILY_OF[name]}"), name)
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
    from dnnaccel.zoo._table import NetworkRow, NetworkTable, choose

    given = (names,) if isinstance(names, str) else names
    chosen = _FAMILY_OF if given is None else choose(given, _FAMILY_OF)
    nets = (
        load(name, image_size=image_size, sequence_length=sequence_length, width=width) for name in chosen
    )
    return NetworkTable(rows=tuple(NetworkRow.of(net) for net in nets))

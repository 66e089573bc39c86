"""What the words of a command line stand for: networks, chips, changes of a chip, densities."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dnnaccel.errors import DataflowError, DnnAccelError, did_you_mean

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.layers import Layer
    from dnnaccel.network import Network
    from dnnaccel.sparsity import Density

__all__ = [
    "Limits",
    "Sizes",
    "load_chip",
    "load_dataflow",
    "load_density",
    "load_layer",
    "load_network",
    "load_part",
    "names_network",
    "read_density",
    "split",
]


_MOST_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Which variant of a built-in network is asked for; None for what the network has by itself."""

    image_size: int | None = None
    sequence_length: int | None = None
    width: float | None = None

    def flags(self) -> list[str]:
        """Return the options that ask for it, as they are written in a shell."""
        given = {
            "--image-size": self.image_size,
            "--sequence-length": self.sequence_length,
            "--width": self.width,
        }
        return [flag for flag, value in given.items() if value is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a search is asked for beside its dataflow, as a shell gives it."""

    where: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    min_utilization: float = 0.0


def names_network(name: str) -> bool:
    """Return whether NETWORK or NETWORK:LAYER is of the zoo or in a file, and no chip or dataflow."""
    from dnnaccel import importers, zoo

    network = name.partition(":")[0]
    return network in zoo.names() or importers.is_network_file(network)


def load_network(name: str, *, batch: int = 1, sizes: Sizes) -> Network:
    """Return the network of the zoo that `name` names, or the one in that file, which has its own sizes."""
    from dnnaccel import importers, zoo

    if os.path.splitext(name)[1]:
        given = [*(["--batch"] if batch != 1 else []), *sizes.flags()]
        if given:
            sizes_of_file = "batch" if given == ["--batch"] else "sizes"
            raise DnnAccelError(
                f"{name}: a file has its own {sizes_of_file}; leave {' and '.join(given)} out"
            )
        return importers.read_network(name)
    return zoo.load(
        name,
        batch=batch,
        image_size=sizes.image_size,
        sequence_length=sizes.sequence_length,
        width=sizes.width,
    )


def load_part(name: str, *, batch: int = 1, sizes: Sizes) -> Network | Layer:
    """Return a network, or with NETWORK:LAYER one of its layers."""
    network, colon, layer = name.partition(":")
    net = load_network(network, batch=batch, sizes=sizes)
    return net[layer] if colon else net


def load_layer(name: str, *, batch: int = 1, sizes: Sizes) -> tuple[Network, Layer]:
    """Return the layer with MACs that NETWORK:LAYER names, or NETWORK where it has one, and its network."""
    network, colon, layer = name.partition(":")
    net = load_network(network, batch=batch, sizes=sizes)
    mapped = [each.name for each in net if each.problem is not None]
    if not mapped:
        raise DnnAccelError(f"{network} has no layer with MACs, and so nothing to map")
    if not colon and len(mapped) > 1:
        shown = ", ".join(mapped[:_MOST_SHOWN]) + (" and others" if len(mapped) > _MOST_SHOWN else "")
        raise DnnAccelError(
            f"{network} has {len(mapped)} layers with MACs; name one, such as {network}:{mapped[0]} ({shown})"
        )
    found = net[layer if colon else mapped[0]]
    if found.problem is None:
        raise DnnAccelError(
            f"layer {found.name!r} of {network} ({found.kind}) has no MACs, and so nothing to map; "
            f"{did_you_mean(found.name, mapped)}"
        )
    return net, found


def load_density(text: str | None, net: Network, layer: Layer) -> Density | None:
    """Return what --density says of one layer of a network; None if it has no zeros."""
    from dnnaccel.sparsity import resolve
    from dnnaccel.sparsity.density import DENSE

    if text is None:
        return None
    found = resolve(read_density(text), net.layers, network=net.name)[layer.name]
    return None if found == DENSE else found


def load_chip(name: str, changes: tuple[str, ...]) -> Chip:
    """Return a chip by name or path, with what `changes` (KEY=VALUE) say otherwise."""
    from dnnaccel import arch

    chip = arch.load(name)
    return chip.override(_read_changes(changes)) if changes else chip


def load_dataflow(name: str | None, chip: Chip, limits: Limits) -> Dataflow | str | None:
    """Return the dataflow `name`, or with `limits` that one (None: the chip's own) within them."""
    if limits == Limits():
        return name
    from dnnaccel import dataflow
    from dnnaccel.constraints import parse_where

    flow = dataflow.get(chip.dataflow if name is None else name)
    try:
        where = parse_where(limits.where)
    except DataflowError as error:
        raise DataflowError(f"--where {error}") from None
    return flow.constrained(where=where, forbid=limits.forbid, min_utilization=limits.min_utilization)


def _read_changes(changes: tuple[str, ...]) -> dict[str, Any]:
    from dnnaccel import arch

    read: dict[str, Any] = {}
    for change in changes:
        key, equals, value = (part.strip() for part in change.partition("="))
        if not key or not equals or not value:
            raise DnnAccelError(f"--set {change!r} is not KEY=VALUE, for instance --set pe_array.rows=8")
        if key in read:
            raise DnnAccelError(f"--set {key} is given twice; give it once")
        read[key] = arch.parse_value(value)
    return read


def read_density(text: str | None) -> float | str | dict[str, float] | None:
    """Return what --density says: a number, densities by tensor, or the name of a set or a file."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        return float(text)
    if "=" not in text:
        return text
    read: dict[str, float] = {}
    for part in split(text):
        tensor, _, value = (piece.strip() for piece in part.partition("="))
        try:
            read[tensor] = float(value)
        except ValueError:
            raise DnnAccelError(
                f"--density {part!r} is not TENSOR=NUMBER, for instance inputs=0.4,weights=0.3"
            ) from None
    return read


def split(names: str) -> list[str]:
    """Return the items of a list with commas, without empty ones."""
    return [name.strip() for name in names.split(",") if name.strip()]

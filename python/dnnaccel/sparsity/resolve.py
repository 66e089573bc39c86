"""What a user may pass as densities, brought to one `Density` for each layer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from dnnaccel.errors import DensityError, unknown_name
from dnnaccel.layers import Layer
from dnnaccel.problem import ROLES, unknown_role
from dnnaccel.sparsity.density import DENSE, Density, check_density, uniform
from dnnaccel.sparsity.files import load_npz
from dnnaccel.sparsity.published import published

__all__ = ["DensityLike", "resolve"]

DensityLike = (
    float
    | Density
    | str
    | os.PathLike[str]
    | Mapping[str, float]
    | Mapping[str, "float | Density | Mapping[str, float]"]
)
"""A number, a `Density`, {tensor: number}, {layer: any of these}, a published set's name, or an .npz file."""


def resolve(
    density: DensityLike | None, layers: Iterable[Layer], *, network: str | None = None
) -> dict[str, Density]:
    """Return the density of every layer with MACs, by layer name.

    Parameters
    ----------
    density
        - A number: inputs and weights of every layer have it, outputs are taken as dense.
        - A `Density`, or a dict with some of inputs, weights and outputs: for every layer.
        - A dict by layer name of any of these; layers that it leaves out are dense.
        - The name of a published set (`published`), or the path of an .npz file with tensors to measure
          (`load_npz`); layers that it does not speak of are dense.
        - None: all dense.
    layers
        The layers in question.
    network
        The zoo's name of the network, for published sets.

    Raises
    ------
    DensityError
        For a value out of range, or of a wrong type.
    UnknownNameError
        For a layer, a tensor, a set or a network that is not there, with the nearest name.
    """
    known = {layer.name: layer for layer in layers if layer.problem is not None}
    if isinstance(density, str | os.PathLike):
        given = _named(os.fspath(density), known, network)
    elif isinstance(density, Mapping) and not _by_tensor(density, known):
        for name in density:
            if name not in known:
                raise unknown_name("layer with MACs, or tensor,", name, [*known, *ROLES])
        given = {name: _one(value, name) for name, value in density.items()}
    else:
        given = dict.fromkeys(known, DENSE if density is None else _one(density, ""))
    return {name: given.get(name, DENSE) for name in known}


def _named(name: str, known: Mapping[str, Layer], network: str | None) -> dict[str, Density]:
    if name.lower().endswith(".npz"):
        return load_npz(name, known.values())
    if network is None:
        raise DensityError(
            f"densities {name!r} are those of a whole network; for one layer pass its own, "
            f"published({name!r}, network)[layer]"
        )
    return published(name, network)


def _by_tensor(density: Mapping[str, Any], known: Mapping[str, Layer]) -> bool:
    """Whether the keys are tensors and no layers."""
    return any(key in ROLES and key not in known for key in density)


def _one(value: Any, layer: str) -> Density:
    """Return the density of one layer; `layer` is its name for sentences, "" if all are meant."""
    where = f"{layer}: " if layer else ""
    if isinstance(value, Density):
        return value
    if isinstance(value, Mapping):
        for role in value:
            if role not in ROLES:
                raise DensityError(where + unknown_role(role))
        try:
            return uniform(**value)
        except DensityError as error:
            raise DensityError(f"{where}{error}") from None
    if isinstance(value, Real):
        number = check_density(value, f"{where}inputs and weights")
        return uniform(inputs=number, weights=number)
    raise DensityError(
        f"{where}densities are a number, a dict of {', '.join(ROLES)}, or a Density; given {value!r}"
    )

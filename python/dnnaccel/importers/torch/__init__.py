"""PyTorch modules: `from_torch` reads the network through `torch.export`."""

from __future__ import annotations

from typing import Any

from dnnaccel.importers.torch.build import build_network
from dnnaccel.importers.torch.export import export
from dnnaccel.network import Network

__all__ = ["from_torch"]


def from_torch(module: Any, example_inputs: Any, *, name: str | None = None) -> Network:
    """Read the network that a `torch.nn.Module` computes on inputs such as `example_inputs`.

    The module is exported in evaluation mode, and put back as it was. Layers are called by the paths of their
    modules (``layer1.0.conv1``); operations outside the modules of `torch.nn` by the path of the module that
    does them and the operator (``layer1.0.add``). Shapes alone matter: example inputs, and the module, may
    live on the meta device.

    Operators that dnnaccel has no layer for become `layers.Opaque`: without MACs, with their traffic.
    `metadata["unknown_operators"]` lists them with their counts. Masks of attention are left out, as in the
    networks of the zoo (of `masked_fill` if the mask is constant), and first states of recurrent layers are
    zero.

    Parameters
    ----------
    module
        The module.
    example_inputs
        A tensor, a tuple of the positional arguments of `forward`, or a dict of its keyword arguments.
    name
        What reports call the network; None: the module's class.

    Raises
    ------
    NetworkError
        If torch cannot export the module, or a shape depends on data.
    MissingExtraError
        If torch is not installed.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> from_torch(torch.nn.Linear(20, 10), torch.zeros(1, 20)).total_macs  # doctest: +SKIP
    200
    """
    return build_network(export(module, example_inputs), name=name)

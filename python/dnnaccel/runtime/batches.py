"""The same network for another number of samples at a time."""

from __future__ import annotations

import dataclasses

from dnnaccel.errors import RuntimeModelError
from dnnaccel.layers import Layer, Opaque, Reshape
from dnnaccel.network import Network

__all__ = ["with_batch"]


def with_batch(net: Network, batch: int) -> Network:
    """Return `net` for `batch` samples at a time.

    Shapes that are written out, as those of `layers.Reshape`, have the batch in their first size. Raises
    `RuntimeModelError` for a batch below 1, and if such a size is no multiple of the network's batch.
    """
    if batch < 1:
        raise RuntimeModelError(f"{net.name}: a batch must be 1 or more, not {batch}")

    def resized(layer: Layer) -> Layer:
        fresh = dataclasses.replace(layer, input_shapes=())
        if isinstance(fresh, Reshape | Opaque):
            times, rest = divmod(fresh.shape[0], net.batch)
            if rest:
                raise RuntimeModelError(
                    f"{layer.kind} {layer.name!r}: its shape {fresh.shape} does not begin with the batch, "
                    f"{net.batch}, so that another batch cannot be put in"
                )
            fresh = dataclasses.replace(fresh, shape=(times * batch, *fresh.shape[1:]))
        return fresh

    inputs = {name: (batch, *shape[1:]) for name, shape in net.inputs.items()}
    return Network(net.name, tuple(map(resized, net.layers)), inputs=inputs, metadata=net.metadata)

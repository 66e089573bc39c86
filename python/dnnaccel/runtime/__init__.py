"""Whole networks on this machine's processor, with their learned numbers.

Start with ``dnnaccel.runtime.compile(net, weights)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dnnaccel._lazy import getter

if TYPE_CHECKING:
    from dnnaccel.runtime.model import Memory, Model, compile

__all__ = ["Memory", "Model", "compile"]

_HOME_OF = {"Memory": "model", "Model": "model", "compile": "model"}

if not TYPE_CHECKING:  # who checks types should be told of a name that is not there
    __getattr__ = getter(__name__, _HOME_OF)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Which array of a source is which parameter of a network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from dnnaccel.errors import WeightsError, did_you_mean
from dnnaccel.layers import Shape
from dnnaccel.runtime.sources import Entry

__all__ = ["match"]

# PyTorch's recurrent layers number what they hold.
_NUMBERED = re.compile(r"(?:(.*)\.)?((?:weight|bias)_[ih]h)_(l[0-9]+(?:_reverse)?)")
# Parameters that are no parameter of a layer of their own: in_proj_weight.
_JOINED = re.compile(r"(.*)_(weight|bias)")
# Counts of batches, which nothing at inference reads.
_IGNORED = ("num_batches_tracked",)

_Shapes = Mapping[str, Shape]


def match(
    entries: Sequence[Entry], required: _Shapes, allowed: _Shapes, *, source: str, network: str
) -> dict[str, Entry]:
    """Return the entry of every parameter in `required`, and of those in `allowed` that there are.

    By name (also as PyTorch calls what from_torch made the layer of); if no name is known, by order and
    shape. Raises `WeightsError` for what is missing, unknown, of another shape or ambiguous.
    """
    useful = [entry for entry in entries if entry.name.rpartition(".")[2] not in _IGNORED]
    named = _by_name(useful, allowed, source)
    if not named and useful and required:
        return _by_order(useful, required, allowed, source, network)
    known = {id(entry) for entry in named.values()}
    for entry in useful:
        if id(entry) not in known:
            raise WeightsError(
                f"{source}: {entry.name!r} of shape {entry.shape} is no parameter of {network}; "
                f"{did_you_mean(entry.name, allowed)}"
            )
    for name, shape in required.items():
        if name not in named:
            raise WeightsError(
                f"{source}: has no {name!r} of shape {shape} for {network}; "
                + did_you_mean(name, [entry.name for entry in entries])
            )
    for name, entry in named.items():
        if entry.shape != allowed[name]:
            raise WeightsError(
                f"{source}: {entry.name!r} has shape {entry.shape}; {name!r} of {network} has {allowed[name]}"
            )
    return named


def _by_name(entries: Sequence[Entry], allowed: _Shapes, source: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for entry in entries:
        name = next((name for name in _spellings(entry.name) if name in allowed), None)
        if name is None:
            continue
        if name in found:
            raise WeightsError(f"{source}: {found[name].name!r} and {entry.name!r} both are {name!r}")
        found[name] = entry
    return found


def _spellings(name: str) -> Iterator[str]:
    """Yield what the parameter that PyTorch calls `name` may be called in a network."""
    yield name
    numbered = _NUMBERED.fullmatch(name)
    if numbered:
        owner, parameter, number = numbered.groups(default="")
        yield f"{owner}.{parameter}".lstrip(".")
        yield f"{owner}.{number}.{parameter}".lstrip(".")
    joined = _JOINED.fullmatch(name)
    if joined:
        yield f"{joined[1]}.{joined[2]}"
    yield f"{name}.weight"


def _word(name: str) -> str:
    """Return what kind of parameter a name says, where the name can be trusted to."""
    last = re.sub(r"_l[0-9]+(_reverse)?$", "", name.rpartition(".")[2])
    return last if last in _WORDS else ""


_WORDS = {
    *("weight", "bias", "running_mean", "running_var"),
    *("weight_ih", "weight_hh", "bias_ih", "bias_hh"),
}


def _by_order(
    entries: Sequence[Entry], required: _Shapes, allowed: _Shapes, source: str, network: str
) -> dict[str, Entry]:
    statistics = any(_word(entry.name).startswith("running_") for entry in entries)
    wanted = dict(allowed if statistics else required)
    why = f"{source}: none of its names is one of {network}'s, and by order and shape it does not fit: "
    if len(entries) != len(wanted):
        raise WeightsError(
            f"{why}it has {len(entries)} arrays ({entries[0].name!r}, ...), "
            f"the network {len(wanted)} ({next(iter(wanted))!r}, ...)"
        )
    pairs = list(zip(wanted.items(), entries, strict=True))
    wrong = next((pair for pair in pairs if not _alike(*pair)), None)
    if wrong is None:
        return {name: entry for (name, _), entry in pairs}
    by_shape = _by_shape(entries, wanted)
    if by_shape is None:
        (name, shape), entry = wrong
        raise WeightsError(
            f"{why}{entry.name!r} of shape {entry.shape} stands where {name!r} of shape {shape} would, and "
            "several have the same shape; name them as the network does (dnnaccel.runtime.parameter_shapes)"
        )
    return by_shape


def _alike(wanted: tuple[str, Shape], entry: Entry) -> bool:
    name, shape = wanted
    word = _word(entry.name)
    return shape == entry.shape and (not word or word == name.rpartition(".")[2])


def _by_shape(entries: Sequence[Entry], wanted: _Shapes) -> dict[str, Entry] | None:
    """Return the only way to match by kind and shape; None if there is no way or are several."""
    found: dict[str, Entry] = {}
    for item in wanted.items():
        fitting = [entry for entry in entries if _alike(item, entry)]
        if len(fitting) != 1 or fitting[0] in found.values():
            return None
        found[item[0]] = fitting[0]
    return found

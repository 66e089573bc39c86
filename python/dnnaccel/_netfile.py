"""Networks as YAML files: one line for each layer, and every mistake in a file with its line."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dnnaccel._files import write_atomically
from dnnaccel._yaml import Fault, Limits, Place, dump, parse, place_faults
from dnnaccel._yaml import read as read_yaml
from dnnaccel.errors import LayerError, NetworkError, did_you_mean
from dnnaccel.layers import KINDS, Layer, Shape

if TYPE_CHECKING:
    from dnnaccel.network import Network

__all__ = ["FoundNetwork", "read", "read_text", "starts_as_network", "to_text", "write"]

VERSION = 1

# Five times the values of ResNet-1202, the longest network of the zoo.
_LIMITS = Limits(
    max_bytes=8_000_000,
    max_values=500_000,
    usual_size="at most a few hundred kilobytes",
    usual_values="about twenty for each layer",
    first_line=f"dnnaccel_network: {VERSION}",
    compiled=True,
)

_FIRST_KEY = re.compile(rb"^dnnaccel_network\s*:", re.MULTILINE)
_HEAD_BYTES = 65_536

_KEYS = ("dnnaccel_network", "name", "inputs", "metadata", "layers")

# Words that mean themselves wherever they stand in YAML.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./+-]*")
_CONSTANTS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")

# Half of a pair of UTF-16: Python lets it stand in text, UTF-8 does not.
_HALF = re.compile("[\ud800-\udfff]")

# Whole numbers that the reader takes for numbers.
_MAX_INTEGER = 10**30


def write(net: Network, path: str | os.PathLike[str]) -> None:
    """Write `net` to `path`, whole or not at all.

    Raises `NetworkError` for metadata that the file cannot hold, `DnnAccelError` if it cannot be written.
    """
    write_atomically(path, to_text(net))


def to_text(net: Network) -> str:
    """Return `net` as the text of its file; raises `NetworkError` for metadata that it cannot hold."""
    if _HALF.search(net.name) or any(map(_HALF.search, net.inputs)):
        raise NetworkError(f"network {net.name!r}: its names hold half a character and cannot be written")
    lines = [_LIMITS.first_line, f"name: {_text(net.name)}", "inputs:"]
    lines += [f"  {_text(name)}: {_flow(shape)}" for name, shape in net.inputs.items()]
    if net.metadata:
        _check_metadata(net)
        lines.append("metadata:")
        lines += [f"  {line}" for pair in net.metadata.items() for line in _fact(*pair)]
    lines.append("layers:")
    lines += [f"- {_line(layer)}" for layer in net]
    return "\n".join(lines) + "\n"


def _check_metadata(net: Network) -> None:
    for key, value in net.metadata.items():
        if not isinstance(key, str) or _HALF.search(key):
            raise NetworkError(f"network {net.name!r}: metadata key {key!r} must be text to be written")
        sound = value is None or (isinstance(value, str) and not _HALF.search(value))
        if isinstance(value, int):
            sound = abs(value) < _MAX_INTEGER
        elif isinstance(value, float):
            sound = math.isfinite(value)
        if not sound:
            raise NetworkError(
                f"network {net.name!r}: metadata[{key!r}] must be text, a finite number or None to be "
                f"written, given {value!r}"
            )


def _fact(key: str, value: object) -> list[str]:
    """Return the lines of one fact; what YAML would fold into a blank is escaped instead."""
    if key.isprintable() and (not isinstance(value, str) or value.isprintable()):
        return dump({key: value}).splitlines()
    said = _text(value) if isinstance(value, str) else dump({"x": value})[3:].rstrip("\n")
    return [f"{_text(key)}: {said}"]


def _line(layer: Layer) -> str:
    """Return the layer on one line: what `read` would not fill in by itself."""
    given: dict[str, Any] = {"name": layer.name, "kind": layer.kind, "inputs": layer.inputs}
    fields = [field for field in dataclasses.fields(layer) if field.name not in (*given, "input_shapes")]
    required = {field.name: getattr(layer, field.name) for field in fields if _is_required(field)}
    plain = type(layer)(name=layer.name, **required)
    for field in fields:
        value = getattr(layer, field.name)
        if field.name in required or value != getattr(plain, field.name):
            both = value[0] if field.name in layer._pairs and value[0] == value[1] else value
            given[field.name] = both
    return "{" + ", ".join(f"{key}: {_flow(value)}" for key, value in given.items()) + "}"


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _flow(value: object) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _CONSTANTS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\U{ord(character):08x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNetwork:
    """What a file says: the parts of a `Network`, each checked."""

    name: str
    layers: tuple[Layer, ...]
    inputs: dict[str, Shape]
    metadata: dict[str, str | int | float | None]


class CheckInputs(Protocol):
    """Raises `NetworkError` for inputs that no network can have; returns their shapes."""

    def __call__(self, network: str, inputs: Mapping[str, Shape], /) -> dict[str, Shape]: ...


class CheckShared(Protocol):
    """Raises `NetworkError` for a layer that uses weights which are not there or do not fit."""

    def __call__(self, network: str, layer: Layer, bound: Mapping[str, Layer], /) -> None: ...


def read(
    path: str | os.PathLike[str], *, check_inputs: CheckInputs, check_shared: CheckShared
) -> FoundNetwork:
    """Return what the file at `path` says; the network's own rules are passed in.

    Raises `NetworkError`: one sentence if the file cannot be read, otherwise one line for each mistake.
    """
    file = os.fspath(path)
    data, lines = read_yaml(file, noun="network", error=NetworkError, limits=_LIMITS)
    return _checked(data, lines, file, check_inputs, check_shared)


def read_text(text: str, name: str, *, check_inputs: CheckInputs, check_shared: CheckShared) -> FoundNetwork:
    """Return what the text of a file says, as `read` does; `name` stands for the file in mistakes."""
    if len(text) > _LIMITS.max_bytes:
        raise NetworkError(f"{name}: larger than {_LIMITS.max_bytes} bytes; it is {_LIMITS.usual_size}")
    data, lines = parse(text, name, noun="network", error=NetworkError, limits=_LIMITS)
    return _checked(data, lines, name, check_inputs, check_shared)


def _checked(
    data: object, lines: dict[Place, int], file: str, check_inputs: CheckInputs, check_shared: CheckShared
) -> FoundNetwork:
    reader = _Reader(check_inputs, check_shared)
    found = reader.network(data)
    if found is None or reader.faults:
        raise NetworkError(place_faults(reader.faults, file, lines))
    return found


def starts_as_network(path: str | os.PathLike[str]) -> bool:
    """Return whether there is a file `path` with a network's first key in its head, sound or not."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return _FIRST_KEY.search(file.read(_HEAD_BYTES)) is not None
    except OSError:
        return False


class _Reader:
    """Collects the mistakes of one file while it builds what is sound."""

    def __init__(self, check_inputs: CheckInputs, check_shared: CheckShared) -> None:
        self.faults: list[Fault] = []
        self.check_inputs = check_inputs
        self.check_shared = check_shared
        self.name = ""
        # Shapes of what can be read so far; None where a mistake hides it.
        self.shapes: dict[str, Shape | None] = {}
        self.bound: dict[str, Layer] = {}
        self.used: set[str] = set()

    def fault(self, place: Place, sentence: str) -> None:
        self.faults.append((place, sentence))

    def network(self, data: object) -> FoundNetwork | None:
        if not isinstance(data, dict):
            self.fault((), f"is no network; its file starts with {_LIMITS.first_line}")
            return None
        version = data.get("dnnaccel_network")
        if version != VERSION or isinstance(version, bool):
            given = f"given {version!r}" if "dnnaccel_network" in data else "and it is missing"
            self.fault(("dnnaccel_network",), f"must be {VERSION}, the version that is read here, {given}")
            return None
        for key in data:
            if key not in _KEYS:
                self.fault((key,), f"unknown key; {did_you_mean(key, _KEYS)}")
        name = data.get("name")
        if isinstance(name, str):
            self.name = name
        else:
            self.fault(("name",), f"must be the network's name in quotes or as one word, given {name!r}")
        inputs = self.inputs(data.get("inputs"))
        metadata = self.metadata(data.get("metadata", {}))
        layers = tuple(self.layers(data.get("layers")))
        for unused in inputs.keys() - self.used if not self.faults else ():
            self.fault(("inputs", unused), "no layer reads this input; use it or leave it out")
        return FoundNetwork(name=self.name, layers=layers, inputs=inputs, metadata=metadata)

    def inputs(self, given: object) -> dict[str, Shape]:
        example = "as {input: [1, 3, 224, 224]}"
        if not isinstance(given, dict) or not given:
            self.fault(
                ("inputs",), f"must map the name of each input to its shape, {example}, given {given!r}"
            )
            return {}
        found: dict[str, Shape] = {}
        for name, shape in given.items():
            self.shapes[name] = None
            try:
                found |= self.check_inputs(self.name, {name: shape})
            except NetworkError as error:
                self.fault(("inputs", name), str(error))
        if len(found) == len(given):
            try:
                self.check_inputs(self.name, found)
            except NetworkError as error:
                self.fault(("inputs",), str(error))
        self.shapes |= found
        return found

    def metadata(self, given: object) -> dict[str, str | int | float | None]:
        if not isinstance(given, dict):
            self.fault(("metadata",), f"must map words to texts and numbers, given {given!r}")
            return {}
        for key, value in given.items():
            if not (value is None or isinstance(value, str | int | float)):
                self.fault(("metadata", key), f"must be a text or a number, given {_short(value)}")
        return given

    def layers(self, given: object) -> Iterator[Layer]:
        if not isinstance(given, list) or not given:
            self.fault(
                ("layers",), "must list the layers, each as {name: relu1, kind: relu, inputs: [conv1]}"
            )
            return
        names = [entry.get("name") if isinstance(entry, dict) else None for entry in given]
        later = {name for name in names if isinstance(name, str)}
        for index, entry in enumerate(given):
            place = ("layers", index)
            layer = self.layer(entry, place)
            if layer is not None:
                layer = self.linked(layer, place, later)
            if layer is not None:
                self.bound[layer.name] = layer
                yield layer
            name = names[index]
            if isinstance(name, str):
                self.shapes[name] = None if layer is None else layer.output_shape

    def layer(self, entry: object, place: Place) -> Layer | None:
        """Return the layer by itself, without its input shapes."""
        if not isinstance(entry, dict):
            self.fault(place, f"must be a layer, as {{name: relu1, kind: relu}}, given {_short(entry)}")
            return None
        kind = entry.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            given = f"unknown kind {kind!r}; " if "kind" in entry else "has no kind; "
            self.fault((*place, "kind"), given + did_you_mean(str(kind), KINDS))
            return None
        fields = {
            field.name: field for field in dataclasses.fields(KINDS[kind]) if field.name != "input_shapes"
        }
        before = len(self.faults)
        for key, value in entry.items():
            if key != "kind" and key not in fields:
                self.fault((*place, key), f"unknown field of {kind}; {did_you_mean(key, ('kind', *fields))}")
            elif key == "weights_from" and not (value is None or isinstance(value, str)):
                self.fault((*place, key), f"must be the name of an earlier layer, given {_short(value)}")
            elif key != "kind" and isinstance(fields[key].default, bool) and not isinstance(value, bool):
                self.fault((*place, key), f"must be true or false, given {_short(value)}")
        for name, field in fields.items():
            if name not in entry and _is_required(field):
                self.fault(place, f"{kind} needs the field {name}")
        if len(self.faults) > before:
            return None
        try:
            return KINDS[kind](**{key: value for key, value in entry.items() if key != "kind"})
        except LayerError as error:
            self.fault(place, str(error))
            return None

    def linked(self, layer: Layer, place: Place, later: set[str]) -> Layer | None:
        """Return the layer with the shapes that it reads, if it and what stands before it are sound."""
        before = len(self.faults)
        if layer.name in self.shapes:
            self.fault(
                (*place, "name"), f"a layer or input {layer.name!r} stands above; names must be unique"
            )
        if not layer.inputs:
            self.fault(place, f"{layer.name!r} reads nothing; name its inputs, as inputs: [conv1]")
        for name in layer.inputs:
            if name in self.shapes:
                continue
            if name in later:
                self.fault((*place, "inputs"), f"{name!r} stands below; a layer stands after what it reads")
            else:
                self.fault((*place, "inputs"), f"{name!r} does not exist; {did_you_mean(name, self.shapes)}")
        self.used.update(layer.inputs)
        shapes = [self.shapes.get(name) for name in layer.inputs]
        known = tuple(shape for shape in shapes if shape is not None)
        if len(self.faults) > before or len(known) < len(shapes):
            return None
        try:
            bound = layer.reading(layer.inputs, known)
            self.check_shared(
                self.name, bound, {**self.bound, bound.name: bound} if layer.weights_from else {}
            )
        except (LayerError, NetworkError) as error:
            self.fault(place, str(error))
            return None
        return bound


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

"""From a module to plain calls, by `torch.export`: the one file that knows torch."""

from __future__ import annotations

import importlib
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dnnaccel.errors import MissingExtraError, NetworkError
from dnnaccel.importers.torch.values import Call, Constant, Exported, Ref
from dnnaccel.layers import Shape

__all__ = ["export"]

_MAX_CALLS = 200_000


def export(module: Any, example_inputs: Any) -> Exported:
    """Return what `module` computes; raises `NetworkError` and `MissingExtraError`."""
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise MissingExtraError("from_torch needs torch: pip install 'dnnaccel[torch]'") from error
    if not isinstance(module, torch.nn.Module):
        raise NetworkError(f"from_torch takes a torch.nn.Module, given {type(module).__name__}")
    given: dict[str, Any] = {}
    if isinstance(example_inputs, torch.Tensor):
        example_inputs = (example_inputs,)
    elif isinstance(example_inputs, Mapping):
        example_inputs, given = (), dict(example_inputs)
    if not isinstance(example_inputs, tuple | list):
        raise NetworkError(
            "from_torch takes a tensor, a tuple of arguments or a dict of keyword arguments as "
            f"example_inputs, given {type(example_inputs).__name__}"
        )
    program = _program(torch, module, tuple(example_inputs), given)
    return _Reader(module, program).read()


def _program(torch: Any, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        # What torch warns of here concerns running the graph, not its shapes.
        with _evaluating(module), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Without operators changed in place, and with no_grad blocks opened; nothing is decomposed.
            return torch.export.export(module, args, kwargs or None).run_decompositions({})
    except Exception as error:
        # Whatever the module's code or torch itself raises: the module cannot be read.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        text = lines[0] if len(lines[0]) <= 300 else lines[0][:297] + "..."
        raise NetworkError(f"torch.export cannot export {type(module).__name__}: {text}") from error


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    training = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, before in training:
            part.training = before


class _Reader:
    """Reads one exported program."""

    def __init__(self, module: Any, program: Any) -> None:
        self.module = module
        self.program = program
        self.leaves = {path: _is_leaf(part) for path, part in module.named_modules(remove_duplicate=False)}

    def read(self) -> Exported:
        signature = self.program.graph_signature
        nodes = list(self.program.graph.nodes)
        if len(nodes) > _MAX_CALLS:
            raise NetworkError(f"from_torch: {len(nodes)} operations; at most {_MAX_CALLS} are read")
        inputs: dict[str, Shape] = {}
        constants: dict[str, Constant] = {}
        calls: list[Call] = []
        user_inputs = set(signature.user_inputs)
        for node in nodes:
            if node.op == "placeholder":
                shapes = self.shapes(node)
                if node.name in user_inputs and shapes[0] is not None:
                    inputs[node.name] = shapes[0]
                elif shapes[0] is not None:
                    constants[node.name] = self.constant(node.name, shapes[0])
            elif node.op == "call_function":
                calls.append(self.call(node))
        return Exported(
            name=type(self.module).__name__,
            inputs=inputs,
            constants=constants,
            calls=tuple(calls),
            outputs=tuple(name for name in signature.user_outputs if isinstance(name, str)),
            parameters=sum(one.numel() for one in self.module.parameters()),
        )

    def constant(self, name: str, shape: Shape) -> Constant:
        origin = self.program.graph_signature.inputs_to_parameters.get(name)
        size = 1
        for one in shape:
            size *= one
        return Constant(shape) if origin is None else Constant(shape, origin, size)

    def call(self, node: Any) -> Call:
        readers = Counter({one.name: len(one.users) for one in node.all_input_nodes})
        path, leaf = self.place(node)
        schema = getattr(node.target, "_schema", None)
        if schema is None:
            operator = getattr(node.target, "__name__", str(node.target))
            arguments = {str(index): _plain(one) for index, one in enumerate(node.args)}
        else:
            operator = schema.name.removeprefix("aten::")
            arguments = _by_name(schema, node)
        return Call(
            id=node.name,
            operator=operator,
            arguments=arguments,
            shapes=self.shapes(node),
            path=path,
            leaf=leaf,
            only_reader_of=frozenset(name for name, count in readers.items() if count == 1),
        )

    def place(self, node: Any) -> tuple[str, bool]:
        """Return the path of the module that `node` stands in, and whether that is a leaf."""
        stack = node.meta.get("nn_module_stack") or {}
        path = ""
        for entry in stack.values():
            path = entry[0]
        # A module that is called again is counted, as in relu@1.
        path = re.sub(r"@[0-9]+", "", path)
        return (path, self.leaves[path]) if path in self.leaves else ("", False)

    def shapes(self, node: Any) -> tuple[Shape | None, ...]:
        value = node.meta.get("val")
        values = value if isinstance(value, tuple | list) else (value,)
        return tuple(self.shape(node, one) for one in values)

    def shape(self, node: Any, value: Any) -> Shape | None:
        sizes = getattr(value, "shape", None)
        if sizes is None:
            return None
        if not all(isinstance(size, int) for size in sizes):
            given = ", ".join(map(str, sizes))
            raise NetworkError(
                f"from_torch: the shape ({given}) of {node.name!r} depends on data; layers need fixed shapes"
            )
        return tuple(int(size) for size in sizes)


def _is_leaf(part: Any) -> bool:
    return type(part).__module__.startswith("torch.nn.") and not any(True for _ in part.children())


def _by_name(schema: Any, node: Any) -> dict[str, Any]:
    arguments = {one.name: one.default_value for one in schema.arguments}
    for one, value in zip(schema.arguments, node.args, strict=False):
        arguments[one.name] = _plain(value)
    return arguments | {name: _plain(value) for name, value in node.kwargs.items()}


def _plain(value: Any) -> Any:
    """Return an argument with references in place of nodes."""
    if isinstance(value, tuple | list):
        return tuple(_plain(one) for one in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "all_input_nodes"):
        return Ref(value.name)
    return str(value)

"""From steps to a program: pitches, memory that is used again, offsets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dnnaccel import _core
from dnnaccel.layers import Shape
from dnnaccel.runtime.layouts import row_major
from dnnaccel.runtime.lower import Lowering, copy_step
from dnnaccel.runtime.steps import Step, Tensor

__all__ = ["Assembled", "assemble"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A program, its steps, and the least memory that these need."""

    program: _core.Program
    steps: tuple[Step, ...]
    inputs: tuple[tuple[str, str, Shape], ...]
    outputs: tuple[tuple[str, Shape], ...]
    lower_bound: int


def assemble(state: Lowering, outputs: Sequence[str]) -> Assembled:
    """Return the program that computes `outputs`, layers of the network, in the network's order of axes."""
    for number, name in enumerate(outputs):
        _write_out(state, state.tensors[name], number)
    steps = _spaced(state, _needed(state.steps))
    for step in steps:
        step.make_operator()
    _reuse(steps)
    plan, offsets = _place(steps)
    inputs = tuple((name, state.tensors[name].element, shape) for name, shape in state.net.inputs.items())
    shapes = tuple((name, state.net[name].output_shape) for name in outputs)
    program = _core.Program(
        steps=[
            (
                step.made,
                [_where(x, offsets) for x in step.inputs],
                # An operator may have further outputs, as the last states of a recurrent layer.
                [_where(step.output, offsets), *[("none", 0, 0)] * (len(step.made.outputs) - 1)],
            )
            for step in steps
        ],
        inputs=[(element, shape) for _, element, shape in inputs],
        outputs=[("float32", shape) for _, shape in shapes],
        arena_bytes=plan.bytes,
    )
    return Assembled(
        program=program,
        steps=tuple(steps),
        inputs=inputs,
        outputs=shapes,
        lower_bound=plan.lower_bound,
    )


def _write_out(state: Lowering, tensor: Tensor, number: int) -> None:
    """Make the program's output `number` of a tensor: write it there at once, or copy it."""
    tensor = state.numbers(tensor)
    plain = state.in_layout(tensor, row_major(tensor.layout.shape))
    root = plain.root
    if root.where[0] == "arena" and not plain.pitch and plain.start == 0 and plain.values == root.values:
        root.where = ("output", number)
        return
    target = Tensor(tensor.name, plain.layout, where=("output", number))
    state.add(copy_step(plain, target, state.threads, state.isa))


def _needed(steps: Iterable[Step]) -> list[Step]:
    """Return the steps whose outputs somebody reads."""
    read: set[Tensor] = set()
    kept = []
    for step in reversed(list(steps)):
        if step.output.root in read or step.output.root.where[0] == "output":
            kept.append(step)
            read.update(x.root for x in step.inputs if x is not None)
    return kept[::-1]


def _spaced(state: Lowering, steps: Iterable[Step]) -> list[Step]:
    """Return the steps, with copies before those that cannot read vectors with gaps."""
    spaced = []
    dense: dict[Tensor, Tensor] = {}
    for step in steps:
        inputs = list(step.inputs)
        shared = {x.pitch for number, x in enumerate(inputs) if x is not None and number != step.residual}
        for number, x in enumerate(inputs):
            if x is None or not x.pitch:
                continue
            if number == step.residual:
                readable = x.pitch == step.output.pitch
            else:
                readable = step.pitched == "each" or (step.pitched == "shared" and len(shared) == 1)
            if readable:
                continue
            if x not in dense:
                dense[x] = Tensor(x.name, x.layout, x.element)
                spaced.append(copy_step(x, dense[x], state.threads, state.isa))
            inputs[number] = dense[x]
        step.inputs = tuple(inputs)
        spaced.append(step)
    return spaced


def _reuse(steps: Sequence[Step]) -> None:
    """Let outputs be written over inputs that nobody needs any more, where the operator can do that."""
    last: dict[Tensor, int] = {}
    for index, step in enumerate(steps):
        last.update((x.root, index) for x in step.inputs if x is not None)
    for index, step in enumerate(steps):
        out = step.output
        if out.base is not None or out.where[0] != "arena":
            continue
        roots = [x.root for x in step.inputs if x is not None]
        for x, allowed in zip(step.inputs, step.made.in_place, strict=True):
            if x is None or not allowed or x.pitch or x.start or not x.values == out.values == x.root.values:
                continue
            root = x.root
            free = root.where[0] == "arena" and last[root] == index and root.element == out.element
            if free and roots.count(root) == 1:
                last[root] = max(last[root], last.get(out, index))
                out.base = root
                break


def _place(steps: Sequence[Step]) -> tuple[_core.MemoryPlan, dict[Tensor, int]]:
    lives: dict[Tensor, list[int]] = {}
    for index, step in enumerate(steps):
        for tensor in (step.output, *step.inputs):
            if tensor is not None and tensor.root.where[0] == "arena":
                lives.setdefault(tensor.root, [index, index])[1] = index
    plan = _core.plan_memory(
        [(tensor.values * tensor.value_bytes, first, last) for tensor, (first, last) in lives.items()]
    )
    return plan, dict(zip(lives, plan.offsets, strict=True))


def _where(tensor: Tensor | None, offsets: dict[Tensor, int]) -> tuple[str, int, int]:
    if tensor is None:
        return ("none", 0, 0)
    kind, number = tensor.root.where
    return (kind, number, offsets.get(tensor.root, 0) + tensor.start * tensor.value_bytes)

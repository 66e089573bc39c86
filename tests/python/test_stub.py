"""The stub of the compiled core is true: same names, same parameters, and values of the types it promises."""

from __future__ import annotations

import ast
from importlib import resources
from typing import Any

import numpy as np
import pytest

from dnnaccel import _core
from dnnaccel.dram import load as load_dram
from dnnaccel.dram.runs import policy as dram_policy

STUB = ast.parse((resources.files("dnnaccel") / "_core.pyi").read_text(encoding="utf-8"))
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}

ARGUMENTS: dict[tuple[str, str], tuple[Any, ...]] = {
    ("DramGates", "earliest"): ("read", 0),
    ("DramGates", "issue"): (0, "activate", 0, 1),
    ("DramMemory", "transfer"): (0, [(0, 64)], False),
    ("Operator", "run"): ((np.ones((1, 2), "f4"), None), (np.ones((1, 2), "f4"),)),
    ("Program", "run"): ((np.ones((1, 2), "f4"),), (np.ones((1, 2), "f4"),)),
}
"""What to call methods with that do not take a number of levels."""
OF_ANY_CLASS = {"__doc__", "__module__", "_pybind11_conduit_v1_"}


def is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(mark, ast.Name) and mark.id == "property" for mark in node.decorator_list)


def members(node: ast.ClassDef) -> dict[str, ast.FunctionDef | ast.AnnAssign]:
    found: dict[str, ast.FunctionDef | ast.AnnAssign] = {}
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            found[item.name] = item
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found[item.target.id] = item
    return found


def parameters(node: ast.FunctionDef) -> list[tuple[str, str, bool]]:
    """(name, kind, has a default) of each parameter; names that may not be used are left out."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    found = []
    for i, argument in enumerate(positional):
        # pybind11 calls a parameter without a name arg0, arg1, ...; nobody can use that as a keyword.
        unnamed = i < len(arguments.posonlyargs) or argument.arg.startswith("arg")
        name = "self" if argument.arg == "self" else "" if unnamed else argument.arg
        found.append((name, "positional", i >= first_default))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append((argument.arg, "keyword", default is not None))
    return found


def documented(function: Any) -> ast.FunctionDef:
    """The signature that pybind11 writes as the first line of a docstring."""
    signature = function.__doc__.splitlines()[0]
    node = ast.parse(f"def {signature}: ...").body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


def own_names(owner: type, stub: dict[str, Any]) -> set[str]:
    names = set(vars(owner)) - OF_ANY_CLASS
    if "__members__" in names:  # what else pybind11 gives an enumeration is its own affair
        names = {name for name in names if not name.startswith("__") or name in stub}
    # A class without a constructor has the one that refuses.
    if hasattr(vars(owner).get("__init__"), "__objclass__"):
        names.discard("__init__")
    return names


def test_the_module_and_the_stub_have_the_same_names() -> None:
    public = {name for name in vars(_core) if not name.startswith("_")} | {"__version__"}
    variables = {
        node.target.id
        for node in STUB.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert set(CLASSES) | set(FUNCTIONS) | variables == public


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_class_and_its_stub_have_the_same_members(name: str) -> None:
    owner = getattr(_core, name)
    stub = members(CLASSES[name])
    assert set(stub) == own_names(owner, stub)
    for member, node in stub.items():
        actual = vars(owner)[member]
        if isinstance(node, ast.AnnAssign):
            assert ast.unparse(node.annotation).startswith("ClassVar[")
        elif is_property(node):
            assert isinstance(actual, property)
            assert actual.fset is None
        else:
            assert parameters(node) == parameters(documented(actual)), member


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_and_its_stub_have_the_same_parameters(name: str) -> None:
    assert parameters(FUNCTIONS[name]) == parameters(documented(getattr(_core, name)))


def memory(name: str, capacity_words: int | None = None) -> _core.Memory:
    return _core.Memory(
        name=name,
        capacity_words=capacity_words,
        word_bits=16,
        keeps=7,
        read_energy=1,
        write_energy=1,
        read_bandwidth=None,
        write_bandwidth=2.5,
        shared_bandwidth=None,
        buffering=_core.Buffering.double,
    )


def examples() -> list[Any]:
    """Objects of every class that a caller gets back, made by evaluating and searching a matrix product."""
    array = _core.Array(
        name="pes",
        rows=2,
        columns=1,
        multicast=None,
        reduce=["C"],
        forwards=0,
        charge=[_core.Charge.none] * 3,
        energy=1,
    )
    problem = _core.Problem(["M", "C"], [2, 4], [[([(1, 1)], 0, 4)], [([(0, 1)], 0, 2)], [([(0, 1)], 0, 2)]])
    loops: list[tuple[list[tuple[int, int, int]], int]] = [([(1, 1, 0)], 7), ([(0, 1, 0)], 0), ([], 7)]
    mapping = _core.Mapping(loops)
    rule: tuple[list[int], list[list[int]], list[int], int, int] = ([3, 3], [[], []], [], 7, 0)
    space = _core.Mapspace([rule, rule, rule])
    effort = _core.Effort(exhaustive_limit=1000, starts=1, proposals=10)
    found: list[Any] = [problem, mapping]
    for words in (None, 1):
        chip = _core.Architecture([memory("ram"), array, memory("rf", words)], 1.0)
        evaluation = _core.evaluate(problem, chip, mapping)
        counts, cost = evaluation.counts, evaluation.cost
        found += [chip, evaluation, counts, cost, evaluation.misfit]
        found += [counts.memories(3)[0][0], counts.networks(3)[1][0], counts.ramps(3)[2][0]]
        tiled = _core.simulate_tiles(problem, chip, mapping)
        found += [tiled, *tiled.lost]
        outcome = _core.search(chip, [problem], [space], _core.Objective.energy, effort, threads=1)[0]
        found += [outcome, *outcome.pareto]
    roomy = _core.Architecture([memory("ram"), array, memory("rf")], 1.0)
    rates = _core.search_rate(problem, roomy, space, proposals=2, rounds=1, seed=1)
    found += [_core.cost_rate(problem, roomy, space, mappings=2, rounds=1, seed=1, cold=True)]
    found += [rates, rates.cold]
    layer = _core.Isca16Layer(
        batch=1,
        groups=1,
        filters=4,
        channels=2,
        out_size=(3, 3),
        filter_size=(3, 3),
        stride=(1, 1),
        in_size=(5, 5),
    )
    for elements in (16, 1):
        job = _core.Isca16Job("ws", layer, (elements, 100, 1), (1, 1, 2, 6, 200))
        found += [job, *_core.isca16_search([job]), _core.isca16_evaluate(job, {"k": 2})]
    rates = _core.search_rate(problem, chip, space, proposals=20, rounds=1, seed=1)
    found += [rates, rates.cold]
    roomy = _core.Architecture([memory("ram"), array, memory("rf")], 1.0)
    found.append(_core.cost_rate(problem, roomy, space, mappings=2, rounds=1, seed=1, cold=False))
    found.append(_core.sample(problem, roomy, space, mappings=2, seed=1))
    found += dram_examples()
    linear = _core.linear_operator(
        input=[1, 2], weights=np.eye(2), bias=None, threads=1, isa="", clamp=(0, 1)
    )
    step = (linear, [("input", 0, 0), ("none", 0, 0)], [("output", 0, 0)])
    tensor = ("float32", (1, 2))
    found += [linear, _core.Program(steps=[step], inputs=[tensor], outputs=[tensor], arena_bytes=0)]
    found.append(_core.plan_memory([(4, 0, 1)]))
    found += [_core.Buffering.single, _core.Charge.hop, _core.Objective.edp, _core.Wait.fill]
    found.append(_core.ArrayKind.systolic)
    options = _core.SystolicOptions(rows=2, columns=2, stationary=_core.Stationary.weights, activity=True)
    found += [_core.count_product(problem, options), _core.Stationary.outputs]
    found += [_core.Port.read, _core.FormatKind.rlc, _core.measure_host([(1024, 1)], 0.0)]
    small = _core.ScaleSimLayer(ifmap=(5, 5), filter=(3, 3), channels=2, filters=4, stride=(1, 1))
    grid = _core.ScaleSimArray(array=(4, 4), dataflow="ws", kb=(1, 1, 1))
    found += [small, grid, _core.scalesim_count(small, grid)]
    return [example for example in found if example is not None]


def dram_examples() -> list[Any]:
    dram = load_dram("ddr4_2400")
    spec, policy = dram.lowered(), dram_policy()
    run = _core.dram_run_arrays(
        spec,
        policy,
        addresses=np.arange(4),
        bytes=np.full(4, 64),
        writes=np.zeros(4),
        arrivals=None,
        log_limit=100,
        keep_finish=True,
        progress=None,
    )
    energies = _core.DramEnergies(**dram.energies)
    return [run, energies, _core.DramGates(spec), _core.DramMemory(spec, policy)]


def matches(value: Any, annotation: ast.expr) -> bool:
    """Whether a value is of the type that an annotation of the stub names."""
    if isinstance(annotation, ast.BinOp):
        return matches(value, annotation.left) or matches(value, annotation.right)
    if isinstance(annotation, ast.Constant):
        return annotation.value is None and value is None
    if isinstance(annotation, ast.Name):
        return annotation.id == "Any" or type(value) is {
            "int": int,
            "float": float,
            "str": str,
            "bool": bool,
        }.get(annotation.id, getattr(_core, annotation.id, None))
    assert isinstance(annotation, ast.Subscript)
    assert isinstance(annotation.value, ast.Name)
    inner = annotation.slice
    if annotation.value.id == "NDArray":
        assert isinstance(inner, ast.Name)
        return isinstance(value, np.ndarray) and value.dtype == inner.id
    if annotation.value.id == "list":
        return isinstance(value, list) and all(matches(item, inner) for item in value)
    if annotation.value.id == "dict":
        assert isinstance(inner, ast.Tuple)
        return isinstance(value, dict) and all(
            matches(key, inner.elts[0]) and matches(item, inner.elts[1]) for key, item in value.items()
        )
    assert annotation.value.id == "tuple"
    assert isinstance(inner, ast.Tuple)
    return (
        isinstance(value, tuple)
        and len(value) == len(inner.elts)
        and all(matches(item, part) for item, part in zip(value, inner.elts, strict=True))
    )


def test_values_are_of_the_types_that_the_stub_promises() -> None:
    seen = set()
    for example in examples():
        name = type(example).__name__
        for member, node in members(CLASSES[name]).items():
            if not isinstance(node, ast.FunctionDef) or node.returns is None or member.startswith("__"):
                continue
            value = getattr(example, member)
            if not is_property(node):
                value = value(*ARGUMENTS.get((name, member), (3,)))
            assert matches(value, node.returns), (
                f"{name}.{member} is {value!r}, not {ast.unparse(node.returns)}"
            )
            seen.add((name, member))
    promised = {
        (name, member)
        for name, node in CLASSES.items()
        if name != "TraceWriter"  # holds nothing: test_trace.py calls it
        for member, item in members(node).items()
        if isinstance(item, ast.FunctionDef) and not member.startswith("__")
    }
    assert seen == promised
    returned = FUNCTIONS["build_config"].returns
    assert returned is not None
    assert matches(_core.build_config(), returned)
    enumerations = (
        *(_core.Buffering, _core.Charge, _core.Objective, _core.Port, _core.FormatKind, _core.Wait),
    )
    for enumeration in enumerations:
        assert set(enumeration.__members__) <= set(members(CLASSES[enumeration.__name__]))
        assert all(isinstance(item, enumeration) for item in enumeration.__members__.values())

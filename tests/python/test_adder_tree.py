"""The adder-tree array, cycle by cycle: against a slow simulation, the closed form, and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nests
import trees
from dnnaccel import _core
from dnnaccel.problem import ROLES, convolution, matmul
from nests_random import Seeded
from trees import Part, TreeCase

EVERY = frozenset(ROLES)


def operands(case: TreeCase, seed: int, dtype: Any = np.int32) -> tuple[Any, Any]:
    """Small random operands, zeros among them."""
    random = np.random.default_rng(seed)

    def tensor(role: str) -> Any:
        return random.integers(-3, 4, [axis.size for axis in case.problem.tensor(role).axes]).astype(dtype)

    return tensor("inputs"), tensor("weights")


def run(case: TreeCase, *values: Any, **options: Any) -> dict[str, Any]:
    found = _core.simulate_adder_tree(*case.lower(), *values, **options)
    assert found is not None
    return found


def check(case: TreeCase, seed: int, gates: frozenset[str]) -> dict[str, Any]:
    """Run a case and compare everything with the slow simulation and the closed form."""
    values = operands(case, seed)
    fast = run(case, *values, gates=nests.role_mask(gates))
    slow = trees.simulate(case, *values, gates)
    assert np.array_equal(fast["outputs"], slow.outputs)
    for key in ("cycles", "steps", "macs", "gated_macs"):
        assert fast[key] == getattr(slow, key), key
    assert fast["waits"] == list(slow.waits.values())
    assert fast["cycles"] == fast["steps"] + sum(fast["waits"]) + fast["depth"] - 1

    levels = range(len(case.above) + 1 + len(case.below))
    for kind in ("reads", "writes"):
        for level in levels:
            for r, role in enumerate(ROLES):
                assert fast[kind][level][r] == slow.counts.get((kind, level, role), 0), (kind, level, role)

    activity = fast["activity"]
    assert activity["active"].sum() == fast["macs"]
    assert activity["gated"].sum() == fast["gated_macs"]
    assert (activity["active"] + sum(activity["stalled"].values()) == fast["cycles"]).all()
    for element in np.ndindex(*case.size):
        cycles = slow.active.get(element, [])
        assert activity["active"][element] == len(cycles)
        assert activity["first"][element] == (cycles[0] if cycles else -1)
        assert activity["last"][element] == (cycles[-1] if cycles else -1)
        assert activity["gated"][element] == slow.gated.get(element, 0)
    check_closed_form(case, fast)
    return fast


def check_closed_form(case: TreeCase, fast: dict[str, Any]) -> None:
    counts = _core.evaluate(*case.lower()).counts
    memories = counts.memories(len(case.above) + 1 + len(case.below))
    innermost = [max(n for n, part in enumerate(case.above) if role in part.keeps) for role in ROLES]
    inputs, weights, outputs = (memories[level][role] for role, level in enumerate(innermost))
    assert fast["steps"] == counts.steps
    assert fast["macs"] == counts.macs
    assert fast["reads"][innermost[0]][0] == inputs.computed_reads
    assert fast["reads"][innermost[2]][2] == outputs.computed_reads
    assert fast["writes"][innermost[2]][2] == outputs.computed_writes
    if not case.below:
        assert fast["reads"][innermost[1]][1] == weights.computed_reads
        return
    registers = memories[case.array + 1][1]
    assert fast["reads"][innermost[1]][1] == registers.sent
    assert fast["reads"][case.array + 1][1] == registers.reads
    assert fast["writes"][case.array + 1][1] == registers.writes


@pytest.mark.parametrize("block", range(12))
def test_random_layers_and_mappings(block: int) -> None:
    for seed in range(50 * block, 50 * block + 50):
        choices = Seeded(seed)
        case = trees.random_tree_case(choices, 250)
        check(case, seed, frozenset(choices.some(ROLES[:2], 50)))


@pytest.mark.slow
def test_many_random_layers_and_mappings() -> None:
    for seed in range(10_000, 14_000):
        choices = Seeded(seed)
        case = trees.random_tree_case(choices, 400)
        check(case, seed, frozenset(choices.some(ROLES[:2], 50)))


def test_floats_are_right_to_rounding_and_counting_alone_counts_the_same() -> None:
    for seed in range(40):
        case = trees.random_tree_case(Seeded(seed), 250)
        values = operands(case, seed)
        exact = run(case, *values)
        floats = run(case, *(value.astype(np.float32) for value in values))
        # Small integers are exact in floats.
        assert np.array_equal(floats["outputs"], exact["outputs"])
        bare = run(case)
        assert "outputs" not in bare
        for key in ("cycles", "reads", "writes", "macs", "steps", "folds"):
            assert bare[key] == exact[key] == floats[key]


def test_sums_wrap_as_32_bit_integers_do() -> None:
    case = stripe()
    inputs, weights = operands(case, 0)
    inputs[:] = weights[:] = 2**30 + 3
    exact = 4 * (2**30 + 3) ** 2
    assert (run(case, inputs, weights)["outputs"] == (exact + 2**31) % 2**32 - 2**31).all()


def stripe(**changes: Any) -> TreeCase:
    """A product of 3 x 4 inputs with 4 x 4 weights on two rows and two columns, three pixels to a fold."""
    case = TreeCase(
        problem=matmul(batch=1, rows=3, columns=4, inner=4),
        above=[
            Part(name="dram", keeps=EVERY),
            Part(name="buffer", keeps=frozenset({"inputs", "weights"}), loops=[("M", 2), ("C", 2)]),
            Part(name="sums", keeps=frozenset({"outputs"})),
        ],
        rows=[("C", 1)],
        columns=[("M", 1)],
        size=(2, 2),
        multicast=frozenset("M"),
        network={},
        below=[Part(name="register", keeps=frozenset({"weights"}), loops=[("P", 1)], double=True)],
    )
    for name, value in changes.items():
        level, key = name.split("_")
        setattr(next(part for part in [*case.above, *case.below] if part.name == level), key, value)
    return case


def test_a_stripe_by_hand() -> None:
    """Four folds of three steps; one cycle to load the first weights; two rows: three stages."""
    fast = run(stripe())
    assert fast["folds"] == 4
    assert fast["depth"] == 3  # multiplier, one adder, accumulator
    assert fast["cycles"] == 1 + 12 + 2
    assert fast["reads"][1] == [2 * 12, 4 * 4, 0]  # two inputs a step, four weights a fold
    assert fast["writes"][4] == [0, 16, 0]
    assert fast["reads"][4] == [0, 48, 0]  # a weight for each product
    assert fast["writes"][2] == [0, 0, 24]  # two sums a step
    assert fast["reads"][2] == [0, 0, 12]  # of which 12 begin at zero
    assert fast["waits"] == [0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("read", "double", "exposed"),
    [
        # 4 weights a fold, and each of 3 steps reads 2 inputs through the same port.
        (4, True, 1),  # the first 4 alone; 3 x 2 words are left behind each fold
        (3, True, 2 + 3),  # 2 cycles for the first 4; 3 left in a fold, 1 more alone, three times
        (2, True, 2 + 3 * 2),  # nothing is left
        (1, True, 4 + 3 * 4),  # and each step takes two cycles
        (4, False, 4 * 1),
        (2, False, 4 * 2),
    ],
)
def test_weights_hide_behind_the_stripe_before_or_do_not(read: int, double: bool, exposed: int) -> None:
    from fractions import Fraction

    case = stripe(buffer_read=Fraction(read), register_double=double)
    fast = run(case)
    steps = 12 * (2 if read == 1 else 1)
    assert fast["waits"][1] == exposed
    assert fast["cycles"] == steps + exposed + 2
    check(case, 1, frozenset())


def test_without_registers_weights_come_every_cycle() -> None:
    """DianNao: a step reads 2 inputs and 4 weights, and nothing is loaded before the first."""
    case = stripe()
    case.below = []
    case.above[2].loops = [("P", 1)]
    fast = run(case)
    assert fast["folds"] == 4
    assert fast["cycles"] == 12 + 2
    assert fast["reads"][1] == [24, 48, 0]


def test_edges_idle_and_keep_their_weights() -> None:
    """3 channels on 2 rows: the second row works in the first fold only."""
    case = stripe()
    case.problem = matmul(batch=1, rows=3, columns=2, inner=3)
    fast = run(case)
    assert fast["folds"] == 2
    activity = fast["activity"]
    assert activity["active"].tolist() == [[6, 6], [3, 3]]
    assert activity["first"].tolist() == [[1, 1], [1, 1]]
    assert activity["last"].tolist() == [[6, 6], [3, 3]]
    assert activity["stalled"]["edge"].tolist() == [[0, 0], [5, 5]]
    assert activity["stalled"]["weights"].tolist() == [[1, 1], [1, 1]]
    assert activity["stalled"]["sums"].tolist() == [[2, 2], [0, 0]]


def test_padding_is_not_read_and_gates_where_zeros_do() -> None:
    """One row of 3 pixels, padded by one: the filter's first and last taps find one zero each."""
    case = TreeCase(
        problem=convolution(
            batch=1,
            groups=1,
            out_channels=1,
            in_channels=1,
            out_size=(1, 3),
            in_size=(1, 3),
            kernel=(1, 3),
            stride=(1, 1),
            padding=(0, 1),
            dilation=(1, 1),
        ),
        above=[Part(name="dram", keeps=EVERY, loops=[("Q", 1)])],
        rows=[("S", 1)],
        columns=[],
        size=(3, 1),
        multicast=None,
        network={},
        below=[],
    )
    ones = np.ones((1, 1, 1, 1, 3), np.int32)
    fast = run(case, ones, ones.copy(), gates=1)
    assert fast["outputs"].ravel().tolist() == [2, 3, 2]
    assert fast["reads"][0][0] == 7
    assert fast["macs"] == 9
    assert fast["gated_macs"] == 2
    assert fast["activity"]["gated"].ravel().tolist() == [1, 0, 1]


def refused(case: TreeCase, *words: str) -> None:
    with pytest.raises(ValueError, match="level") as caught:
        run(case)
    for word in words:
        assert word in str(caught.value)


def test_mappings_that_the_array_cannot_hold_are_refused() -> None:
    case = stripe()
    case.rows, case.columns = [("M", 1)], [("C", 1)]
    refused(case, "level tree: rows spread M", "along the columns")
    case.rows = []
    case.above[1].loops = [("M", 1), ("C", 2)]
    refused(case, "level tree: columns spread C", "along the rows")
    case = stripe(register_keeps=frozenset({"inputs"}))
    refused(case, "level register: keeps inputs", "broadcast")
    case = stripe(register_keeps=frozenset({"outputs"}))
    refused(case, "level register: keeps outputs", "adder tree")
    case = stripe()
    case.below.append(Part(name="second", keeps=frozenset({"weights"})))
    refused(case, "level second: keeps weights", "level register", "one memory")


def test_bad_requests_are_refused() -> None:
    case = stripe()
    lowered = case.lower()
    inputs, weights = operands(case, 0)
    with pytest.raises(ValueError, match="inputs have 12 words, given 11"):
        _core.simulate_adder_tree(*lowered, inputs.ravel()[:11].copy(), weights)
    with pytest.raises(ValueError, match="both be int32 or both float32"):
        _core.simulate_adder_tree(*lowered, inputs, weights.astype(np.float32))
    with pytest.raises(ValueError, match="level 1 is none"):
        _core.simulate_adder_tree(*lowered, array=1)


def test_progress_is_told_and_can_stop_it() -> None:
    heard = []

    def listen(done: int, total: int) -> None:
        heard.append((done, total))

    run(stripe(), progress=listen)
    assert heard[0] == (0, 48)
    assert heard[-1] == (48, 48)
    assert _core.simulate_adder_tree(*stripe().lower(), progress=lambda done, total: False) is None

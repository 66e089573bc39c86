"""Chooses points of a grid too large to work out whole: Optuna proposes, the sweep's workers answer."""

from __future__ import annotations

import contextlib
import importlib
import math
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dnnaccel.errors import MissingExtraError
from dnnaccel.sweeping.points import Grid, Point, Value
from dnnaccel.sweeping.run import Crew
from dnnaccel.sweeping.work import Task, costs

__all__ = ["search"]

_IN_FLIGHT = 8
"""Points proposed before the first of them is known. Not the number of workers: that would change answers."""


def search(
    grid: Grid,
    task_of: Callable[[Point], tuple[str, Task] | None],
    crew: Crew,
    *,
    figures: Sequence[str],
    trials: int,
    seed: int,
) -> list[tuple[int, Point]]:
    """Work out up to `trials` points of `grid`, chosen for the least of `figures`, and return them by number.

    `task_of` gives a point's key and task; None for one that is no chip. A tree-structured Parzen estimator
    proposes, for several figures by the volume that their front dominates; a proposal that the constraints
    exclude, or that was made before, becomes the nearest that is neither. Answers are told in the order of
    the proposals, so the points depend on the seed alone. Raises `MissingExtraError` without Optuna,
    `SweepError` if the constraints exclude everything, and what `Crew.wait` does.
    """
    try:
        optuna: Any = importlib.import_module("optuna")
    except ImportError:
        raise MissingExtraError("searching needs Optuna: pip install 'dnnaccel[optuna]'") from None
    places = _Places(grid)
    chosen: list[tuple[int, Point]] = []
    waiting: deque[tuple[Any, str | None]] = deque()
    with _silent(optuna):
        study = _study(optuna, len(figures), seed)
        space = places.space(optuna.distributions)

        def tell_first() -> None:
            trial, key = waiting.popleft()
            if key is not None:
                crew.wait([key])
            values = None if key is None else costs(crew.results[key], figures)
            if values is None:  # cannot run, or has no such figure
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, list(values))

        while len(chosen) < trials:
            if len(waiting) == _IN_FLIGHT:
                tell_first()
            trial = study.ask(space)
            taken = places.take(trial.params)
            if taken is None:
                break  # nothing is left
            index, point = taken
            if (params := places.params(index)) != trial.params:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                study.enqueue_trial(params)
                trial = study.ask(space)
            task = task_of(point)
            if task is not None:
                crew.want(dict([task]))
            waiting.append((trial, None if task is None else task[0]))
            chosen.append(taken)
        if not chosen:
            raise grid.none_left()
        crew.wait([key for _, key in waiting if key is not None])
    return sorted(chosen, key=lambda pair: pair[0])


class _Places:
    """The grid as Optuna sees it: each parameter's value by its rank, and which are still to be had."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._shape = tuple(map(len, grid.values.values()))
        self._left = np.ones(len(grid), dtype=bool)
        # By parameter with more than one value: each value's rank, and whether near ranks are near values.
        self._ranks = {name: _ranks(values) for name, values in grid.values.items() if len(values) > 1}
        self._ordered = {name for name in self._ranks if _is_ordered(grid.values[name])}

    def space(self, distributions: Any) -> dict[str, Any]:
        """Return Optuna's distribution of every parameter that has a choice."""
        return {
            name: distributions.IntDistribution(0, len(ranks) - 1)
            if name in self._ordered
            else distributions.CategoricalDistribution(range(len(ranks)))
            for name, ranks in self._ranks.items()
        }

    def params(self, index: int) -> dict[str, int]:
        """Return what Optuna calls a point."""
        places = dict(zip(self._grid.values, np.unravel_index(index, self._shape), strict=True))
        return {name: int(ranks[places[name]]) for name, ranks in self._ranks.items()}

    def take(self, params: Mapping[str, int]) -> tuple[int, Point] | None:
        """Take the nearest point that is left and that the constraints allow; None if there is none."""
        distance = np.where(self._left, self._distance(params), np.inf)
        while True:
            index = int(distance.argmin())
            if math.isinf(distance[index]):
                return None
            distance[index], self._left[index] = np.inf, False
            point = self._grid.point(index)
            if point is not None:
                return index, point

    def _distance(self, params: Mapping[str, int]) -> npt.NDArray[np.float64]:
        """Return how far every point is: by parameter the part of its range, or 1 for another name."""
        total = np.zeros(self._shape)
        for axis, name in enumerate(self._grid.values):
            if name not in self._ranks:
                continue
            apart = np.abs(self._ranks[name] - params[name])
            part = apart / (len(apart) - 1) if name in self._ordered else np.minimum(apart, 1)
            total += part.reshape([-1 if other == axis else 1 for other in range(len(self._shape))])
        return total.reshape(-1)


def _is_ordered(values: Sequence[Value]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _ranks(values: Sequence[Value]) -> npt.NDArray[np.int64]:
    order: list[int] = list(range(len(values)))
    if _is_ordered(values):
        order.sort(key=lambda place: values[place])
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[order] = np.arange(len(values))
    return ranks


def _study(optuna: Any, figures: int, seed: int) -> Any:
    """Return an empty study in memory; what lasts is the sweep's store."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # options that Optuna calls experimental
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
    return optuna.create_study(directions=["minimize"] * figures, sampler=sampler)


@contextlib.contextmanager
def _silent(optuna: Any) -> Iterator[None]:
    """Keep Optuna from logging each trial."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)

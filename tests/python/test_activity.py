"""What the elements of an array did, as a result of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import dnnaccel as da
from dnnaccel.activity import STALLS, Activity
from dnnaccel.errors import DnnAccelError

NOTHING = np.zeros((2, 3), np.int64)


def example() -> Activity:
    """Two rows of three elements, ten cycles; the last column has no work."""
    active = np.array([[8, 4, 0], [6, 4, 0]])
    return Activity(
        cycles=10,
        active=active,
        gated=np.array([[1, 0, 0], [0, 2, 0]]),
        first=np.where(active > 0, 1, -1),
        last=np.where(active > 0, 9, -1),
        stalls={"weights": 8 - active, "edge": np.full((2, 3), 2)},
    )


def test_utilization_and_stalls_are_parts_of_all_cycles() -> None:
    activity = example()
    assert (activity.rows, activity.columns) == (2, 3)
    assert activity.utilization() == pytest.approx(22 / 60)
    assert activity.stalled() == pytest.approx({"weights": 26 / 60, "edge": 12 / 60})
    assert list(activity.stalled()) == ["weights", "edge"]
    assert sum(activity.stalled().values()) + activity.utilization() == pytest.approx(1)
    assert repr(activity) == "Activity(2 x 3 elements, 10 cycles, 36.7% active)"


def test_an_array_that_never_ran_is_not_used() -> None:
    idle = Activity(
        cycles=0,
        active=NOTHING.copy(),
        gated=NOTHING.copy(),
        first=NOTHING.copy(),
        last=NOTHING.copy(),
        stalls={},
    )
    assert idle.utilization() == 0


def test_it_cannot_be_changed() -> None:
    activity = example()
    with pytest.raises(ValueError, match="read-only"):
        activity.active[0, 0] = 3
    with pytest.raises(TypeError):
        activity.stalls["weights"] = NOTHING  # type: ignore[index]


def test_it_is_written_as_data() -> None:
    activity = example()
    data = json.loads(activity.to_json())
    assert data["active"] == [[8, 4, 0], [6, 4, 0]]
    assert data["stalls"]["edge"] == [[2, 2, 2], [2, 2, 2]]
    assert (data["rows"], data["columns"], data["cycles"]) == (2, 3, 10)
    frame = activity.to_dataframe()
    assert list(frame.columns) == ["row", "column", "active", "gated", "first", "last", "weights", "edge"]
    assert len(frame) == 6
    assert frame.iloc[4].tolist() == [1, 1, 4, 2, 1, 9, 4, 2]
    assert activity.to_csv().splitlines()[:2] == [
        "row,column,active,gated,first,last,weights,edge",
        "0,0,8,1,1,9,0,2",
    ]


def test_it_is_drawn(tmp_path: Path) -> None:
    activity = example()
    figure = activity.plot(tmp_path / "elements.png")
    assert (tmp_path / "elements.png").read_bytes().startswith(b"\x89PNG")
    axes, bar = figure.axes
    assert axes.get_title("left") == "active 36.7% of 10 cycles"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("column (PEs)", "row (PEs)")
    assert bar.get_ylabel() == "active (% of all cycles)"
    assert np.array_equal(axes.images[0].get_array(), activity.active * 10)
    assert activity.plot(title="mine").axes[0].get_title("left") == "mine"
    with pytest.raises(DnnAccelError, match="suffix"):
        activity.plot(tmp_path / "elements.what")


def test_every_cause_is_explained() -> None:
    assert da.Activity is Activity
    assert list(STALLS) == ["operand", "weights", "sums", "bandwidth", "memory", "edge"]

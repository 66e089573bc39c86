"""Traces: files that hold what was simulated, are whole, and say so where something is missing."""

from __future__ import annotations

import itertools
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import dnnaccel as da
from dnnaccel import _core
from dnnaccel.arch import Chip
from dnnaccel.cli import run
from dnnaccel.errors import DnnAccelError, MappingError
from dnnaccel.layers import Layer

MAPPING = """\
dram [inputs, weights, outputs]
cbuf [inputs, weights]
  for M in 0..16 step 8
  for P in 0..6 step 1
cacc [outputs]
  for R in 0..3 step 1
  for S in 0..3 step 1
  for C in 0..12 step 8
  for Q in 0..6 step 1
mac_array.rows
  par C in 0..8 step 1
mac_array.columns
  par M in 0..8 step 1
weight_reg [weights]
mac
"""
# 2 x 6 tiles of sums, 9 taps, 2 pieces of the channels; each fold is 6 pixels.
FOLDS = 2 * 6 * 9 * 2
STEPS = FOLDS * 6


def layer() -> Layer:
    """12 channels to 16, 6 x 6 pixels, 3 x 3 taps."""
    net = da.NetworkBuilder("tiny", input_shape=(1, 12, 6, 6))
    net.conv2d("conv", out_channels=16, kernel=3, padding=1)
    return net.build()["conv"]


def chip(**changes: Any) -> Chip:
    return da.arch.load("nvdla_small").override(changes)


def read(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The events and the rest of a trace."""
    data = json.loads(path.read_text("utf-8"))
    assert set(data) == {"displayTimeUnit", "traceEvents", "otherData"}
    return data["traceEvents"], data["otherData"]


def check(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Check what holds of every trace; return the spans of each track by name."""
    events, _ = read(path)
    names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    spans: dict[str, list[dict[str, Any]]] = defaultdict(list)
    tracks: dict[int, list[dict[str, Any]]] = defaultdict(list)
    counters: dict[tuple[int, str], list[float]] = defaultdict(list)
    for event in events:
        assert event["ph"] in "MXCi"
        if event["ph"] == "X":
            assert event["ts"] >= 0
            assert event["dur"] >= 0
            spans[names[event["tid"]]].append(event)
            tracks[event["tid"]].append(event)
        elif event["ph"] == "C":
            counters[event["tid"], event["name"]].append(event["ts"])
    for of_track in tracks.values():
        for one, other in itertools.pairwise(of_track):
            assert other["ts"] >= one["ts"] + one["dur"] - 1e-9  # none overlaps the next
    for times in counters.values():
        assert times == sorted(set(times))
    return spans


def test_a_trace_holds_every_fold_and_agrees_with_the_run(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    written = da.trace(layer(), chip(), path, mapping=MAPPING)
    assert written.folds == FOLDS
    assert written.size_bytes == path.stat().st_size
    assert not written.truncated
    spans = check(path)
    folds = [event for name, events in spans.items() if name.startswith("folds") for event in events]
    assert sorted(event["args"]["fold"] for event in folds) == list(range(FOLDS))
    assert sum(event["args"]["macs"] for event in folds) == layer().macs
    assert sum(event["args"]["steps"] for event in spans["steps"] if "args" in event) == STEPS
    assert written.spans == sum(map(len, spans.values()))
    # All weights come once for each row of pixels.
    assert sum(event["args"]["words"] for event in spans["weights in"]) == 6 * 12 * 16 * 9
    # At 1 GHz a cycle is a nanosecond.
    end = max(event["ts"] + event["dur"] for events in spans.values() for event in events)
    assert end == pytest.approx(written.cycles / 1000)
    assert written.last_cycle == written.cycles
    waits = sum(event["dur"] for event in spans["waits"])
    run = written.activity
    assert waits * 1000 == pytest.approx(run.stalls["weights"].max() + run.stalls["memory"].max())
    assert run.active.sum() == layer().macs
    _, about = read(path)
    assert about["layer"] == "conv"
    assert about["mapping"] == str(da.Mapping.parse(MAPPING))
    assert about["truncated"] is False
    assert about["time"] == "microseconds"
    assert about["clock_mhz"] == 1000


def test_products_in_a_cycle_add_up_to_the_macs(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    da.trace(layer(), chip(), path, mapping=MAPPING)
    events, _ = read(path)
    points = [(e["ts"] * 1000, e["args"]["value"]) for e in events if e["ph"] == "C"]
    assert points[-1][1] == 0
    area = sum(value * (after - time) for (time, value), (after, _) in itertools.pairwise(points))
    assert area == pytest.approx(layer().macs)


def test_a_row_stationary_array_is_traced_fold_by_fold(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    net = da.zoo.load("lenet5")
    written = da.trace(net["conv2"], da.arch.load("eyeriss"), path)
    assert (written.array, written.fidelity) == ("pe_array", "cycle")
    spans = check(path)
    folds = [event for name, events in spans.items() if name.startswith("folds") for event in events]
    assert written.folds == len(folds)
    assert sum(event["args"]["macs"] for event in folds) == net["conv2"].macs
    assert written.activity is not None
    assert written.activity.active.sum() == net["conv2"].macs


def test_tiles_of_every_memory_are_traced_on_any_chip(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    target = da.arch.load("shidiannao")
    best = da.search(layer(), target)
    written = da.trace(layer(), target, path, mapping=best.mapping, fidelity="tile")
    assert (written.array, written.activity, written.fidelity) == (None, None, "tile")
    simulated = da.simulate(layer(), target, mapping=best.mapping, fidelity="tile")
    assert written.cycles == simulated.cycles
    spans = check(path)
    assert sum(event["args"]["macs"] for event in spans["at work"]) == layer().macs
    events, _ = read(path)
    groups = {e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "process_name"}
    assert {"MACs", "nb_in", "nb_out"} <= groups


def test_without_a_clock_a_cycle_is_a_microsecond(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    data = chip().to_dict()
    del data["clock_mhz"]
    written = da.trace(layer(), Chip.from_dict(data), path, mapping=MAPPING)
    _, about = read(path)
    assert "cycle" in about["time"]
    end = max(event["ts"] + event["dur"] for events in check(path).values() for event in events)
    assert end == written.cycles
    assert written.clock_mhz is None


@pytest.mark.parametrize("room", [4_000, 9_000, 20_000])
def test_a_trace_that_is_cut_is_whole_and_says_so(tmp_path: Path, room: int) -> None:
    path = tmp_path / "trace.json"
    entire = da.trace(layer(), chip(), tmp_path / "entire.json", mapping=MAPPING)
    written = da.trace(layer(), chip(), path, mapping=MAPPING, max_bytes=room)
    assert written.truncated
    assert path.stat().st_size == written.size_bytes <= room
    assert written.spans + written.counters + written.dropped == entire.spans + entire.counters
    assert written.last_cycle < entire.last_cycle
    assert written.cycles == entire.cycles
    assert "cut at cycle" in str(written)
    assert "cut" not in str(entire)
    check(path)
    events, about = read(path)
    assert about["truncated"] is True
    assert about["dropped_events"] == written.dropped
    note = next(event for event in events if event["name"] == "truncated")
    assert note["args"] == {"max_bytes": room, "dropped_events": written.dropped}
    # It begins as the whole one does.
    events = [event for event in events if event["ph"] in "XC"]
    whole = [event for event in read(tmp_path / "entire.json")[0] if event["ph"] in "XC"]
    assert events == whole[: len(events)]


def test_a_cap_too_small_for_anything_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with pytest.raises(DnnAccelError, match="of at most 100 bytes has no room for events; give it at least"):
        da.trace(layer(), chip(), path, mapping=MAPPING, max_bytes=100)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_traced_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with pytest.raises(DnnAccelError, match=r"shidiannao: none of its arrays says what it is .*'tile' every"):
        da.trace(layer(), da.arch.load("shidiannao"), path)
    with pytest.raises(DnnAccelError, match="did you mean 'cycle'"):
        da.trace(layer(), chip(), path, fidelity="cycles")
    with pytest.raises(MappingError, match="level cacc needs"):
        da.trace(layer(), chip(**{"cacc.size_bytes": 100}), path, mapping=MAPPING)
    with pytest.raises(DnnAccelError, match="not both"):
        da.trace(layer(), chip(), path, mapping=MAPPING, dataflow="ws")
    wrong = MAPPING.replace("par C in 0..8", "par M in 0..8").replace("step 8\n  for P", "step 64\n  for P")
    with pytest.raises(MappingError, match="layer 'conv' on nvdla_small: "):
        da.trace(layer(), chip(), path, mapping=wrong)
    with pytest.raises(DnnAccelError, match="there is no directory"):
        da.trace(layer(), chip(), tmp_path / "nowhere" / "trace.json", mapping=MAPPING)
    assert list(tmp_path.iterdir()) == []


def test_a_mapping_that_the_array_cannot_hold_is_refused(tmp_path: Path) -> None:
    rows = """\
dram [inputs, weights, outputs]
cbuf [inputs, weights]
cacc [outputs]
  for R in 0..3 step 1
  for S in 0..3 step 1
  for C in 0..12 step 1
  for P in 0..6 step 1
  for Q in 0..6 step 1
mac_array.rows
  par M in 0..16 step 2
mac_array.columns
  par M in 0..2 step 1
weight_reg [weights]
mac
"""
    with pytest.raises(MappingError, match="level mac_array: rows spread M, but a tree adds up") as caught:
        da.trace(layer(), chip(**{"cacc.size_bytes": 8000}), tmp_path / "trace.json", mapping=rows)
    assert "along the columns" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text("old")

    def stop(done: int, total: int, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        da.trace(layer(), chip(), path, mapping=MAPPING, progress=stop)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_every_adder_tree_chip_traces_a_layer_with_a_mapping_that_it_finds(tmp_path: Path) -> None:
    for name in ("nvdla_small", "nvdla_large", "diannao"):
        path = tmp_path / f"{name}.json"
        written = da.trace(layer(), da.arch.load(name), path)
        assert written.activity.active.sum() == layer().macs
        check(path)


# ------------------------------------------------------------------------------------------------------------
# The writer by itself


def write(path: Path, **options: Any) -> _core.TraceWriter:
    return _core.TraceWriter(
        os.fspath(path), **{"clock_mhz": 0.0, "max_bytes": 10**6, "about": [], **options}
    )


def test_texts_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    text = 'a "b" \\ \n\t\x01 µ 🙂'
    writer = write(path, about=[(text, text)])
    track = writer.track(text, text)
    writer.span(track, text, 1, 2)
    writer.counter(track, text, 1, 0.1)
    writer.finish()
    events, about = read(path)
    assert about[text] == text
    assert {e["args"]["name"] for e in events if e["ph"] == "M" and "name" in e["args"]} == {text}
    assert [e["name"] for e in events if e["ph"] in "XC"] == [text, text]
    assert events[-1]["args"] == {"value": 0.1}


def test_times_are_exact_to_a_picosecond(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    writer = write(path, clock_mhz=700.0)
    track = writer.track("one", "all")
    for cycle in range(1000):
        writer.span(track, "step", cycle, cycle + 1)
    writer.finish()
    times = [event for event in read(path)[0] if event["ph"] == "X"]
    for cycle, event in enumerate(times):
        assert event["ts"] == pytest.approx(cycle / 700, abs=1e-6)
    for one, other in itertools.pairwise(times):
        assert one["ts"] + one["dur"] == pytest.approx(other["ts"], abs=1e-9)


def test_a_finished_trace_takes_nothing_more(tmp_path: Path) -> None:
    writer = write(tmp_path / "trace.json")
    track = writer.track("one", "all")
    writer.finish()
    for call in (
        lambda: writer.span(track, "late", 0, 1),
        lambda: writer.track("late", "all"),
        writer.finish,
    ):
        with pytest.raises(ValueError, match="finished"):
            call()
    with pytest.raises(IndexError):
        write(tmp_path / "other.json").span(3, "nowhere", 0, 1)


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot be opened"):
        write(tmp_path / "nowhere" / "trace.json")


# ------------------------------------------------------------------------------------------------------------
# The command


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, picture, table = tmp_path / "trace.json", tmp_path / "elements.pdf", tmp_path / "elements.csv"
    arguments = ["trace", "lenet5:conv2", "--arch", "nvdla_small", "-o", str(path), "--max-bytes", "64KiB"]
    assert run([*arguments, "--heatmap", str(picture), "--activity", str(table)]) == 0
    captured = capsys.readouterr()
    assert "conv2 on nvdla_small, mac_array:" in captured.out
    assert path.stat().st_size <= 64 * 1024
    assert picture.read_bytes().startswith(b"%PDF")
    assert len(table.read_text().splitlines()) == 65
    for bad, words in (
        (["--max-bytes", "many"], "'many' is no size; write it like 50MB"),
        (["--max-bytes", "10B"], "has no room for events"),
        (["--fidelity", "cycel"], "did you mean 'cycle'"),
        (["-o", "-"], "give -o the name of a file"),
    ):
        assert run([*arguments, *bad]) == 2
        assert words in capsys.readouterr().err


def test_a_trace_of_a_systolic_array(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    machine = da.arch.load("gemmini")
    mapping = """\
dram [inputs, weights, outputs]
scratchpad [inputs, weights]
accumulator [outputs]
  for C in 0..12 step 12
  for R in 0..3 step 1
  for S in 0..3 step 1
mesh.rows
  par C in 0..12 step 1
mesh.columns
  par M in 0..16 step 1
weight_reg [weights]
  for P in 0..6 step 1
  for Q in 0..6 step 1
mac
"""
    written = da.trace(layer(), machine, path, mapping=mapping)
    spans = check(path)
    assert written.folds == 9
    # A tile of 12 rows comes in first; then 9 streams of 36 pixels without a gap, and the wave at the end.
    assert written.cycles == 12 + 9 * 36 + 12 + 16 - 2
    assert len(spans["tile in"]) == len(spans["stream in"]) == len(spans["sums out"]) == 9
    assert sum(event["args"]["steps"] for event in spans["stream in"]) == 9 * 36
    assert written.activity.active.sum() == layer().macs
    events, _ = read(path)
    curve = [(e["ts"], *e["args"].values()) for e in events if e["ph"] == "C"]
    assert curve[-1][1] == 0
    ends = [*(begin for begin, _ in curve[1:]), curve[-1][0]]
    products = sum(rate * (end - begin) * 1000 for (begin, rate), end in zip(curve, ends, strict=True))
    assert products == pytest.approx(layer().macs)

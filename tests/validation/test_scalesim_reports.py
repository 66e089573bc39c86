"""SCALE-Sim's own reports, byte for byte: data/scalesim.json holds what version 3.0.0 wrote.

scalesim_golden.py made the data; bench/scalesim.py compares with SCALE-Sim itself in one run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dnnaccel.conventions import scalesim

DATA = json.loads((Path(__file__).parent / "data" / "scalesim.json").read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = DATA["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"].replace(" ", "-") for case in CASES])
def test_reports_are_those_of_scale_sim(case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "run.cfg").write_text(case["config"], encoding="utf-8")
    (tmp_path / "topology.csv").write_text(DATA["topologies"][case["topology"]], encoding="utf-8")
    kind = "gemm" if case["topology"] == "gemm" else "conv"
    report = scalesim.simulate(tmp_path / "topology.csv", tmp_path / "run.cfg", kind=kind)
    written = {path.name: path.read_text(encoding="utf-8") for path in report.write(tmp_path / "out")}
    assert written == case["reports"]
    assert (tmp_path / "out" / "golden" / "COMPUTE_REPORT.csv").is_file()


def test_the_data_has_all_that_is_claimed() -> None:
    configs = [case["config"] for case in CASES]
    layers = sum(len(case["reports"]["COMPUTE_REPORT.csv"].splitlines()) - 1 for case in CASES)
    assert layers >= 150
    for wanted in ("Dataflow: os", "Dataflow: ws", "Dataflow: is", "USER", "CALC", "ArrayHeight: 128"):
        assert any(wanted in text for text in configs), wanted
    for line in ("SparseRep: csc", "SparseRep: ellpack_block"):
        assert any(line in text and "SparsitySupport: true" in text for text in configs)
    stalls = [
        int(line.split(",")[3])
        for case in CASES
        for line in case["reports"]["COMPUTE_REPORT.csv"].splitlines()[1:]
    ]
    assert sum(stall > 0 for stall in stalls) >= 10

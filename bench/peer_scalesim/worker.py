"""SCALE-Sim 3.0.0 in a process of its own: one request a line, one line of JSON in answer.

A request has the text of a configuration and of a topology, and `gemm`; the answer has the texts of the three
reports, the CPU seconds of the run, or `error`.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

REPORTS = ("COMPUTE_REPORT.csv", "BANDWIDTH_REPORT.csv", "DETAILED_ACCESS_REPORT.csv", "SPARSE_REPORT.csv")


def run(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run SCALE-Sim on one topology, without traces on disk and without its progress bars."""
    from scalesim.scale_sim import scalesim

    (folder / "run.cfg").write_text(request["config"], encoding="utf-8")
    (folder / "topology.csv").write_text(request["topology"], encoding="utf-8")
    (folder / "layout.csv").write_text(request.get("layout", "header\n"), encoding="utf-8")
    start = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        simulation = scalesim(
            save_disk_space=True,
            verbose=False,
            config=str(folder / "run.cfg"),
            topology=str(folder / "topology.csv"),
            layout=str(folder / "layout.csv"),
            input_type_gemm=bool(request.get("gemm")),
        )
        simulation.run_scale(top_path=str(folder / "out"))
    seconds = time.process_time() - start
    found = {path.name: path for path in (folder / "out").glob("*/*.csv")}
    reports = {name: found[name].read_text(encoding="utf-8") for name in REPORTS if name in found}
    return {"seconds": seconds, "reports": reports}


def main() -> None:
    """Answer until there are no more requests."""
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            try:
                answer = run(json.loads(line), Path(folder))
            except (Exception, SystemExit):
                answer = {"error": traceback.format_exc(limit=-3)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

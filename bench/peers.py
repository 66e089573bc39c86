"""Other cost models, each in a process and an environment of its own, asked one layer at a time.

A worker (peer_NAME/worker.py) reads one request a line and answers each with one line of JSON, so that turns
can alternate with ours in one run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnnaccel.layers import Layer

__all__ = ["ACCELFORGE", "ZIGZAG", "Peer", "PeerProcess"]

HERE = Path(__file__).parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Peer:
    """A cost model that can be measured beside ours."""

    name: str
    module: str
    worker: str
    how_to_get: str


ZIGZAG = Peer(
    "ZigZag",
    "zigzag",
    "peer_zigzag",
    """\
ZigZag was not run: it is not in this Python. Give it an environment of its own and name its Python:
    python3 -m venv .venv-zigzag
    .venv-zigzag/bin/pip install zigzag-dse==3.9.1 six
    python bench/cost.py --zigzag-python .venv-zigzag/bin/python""",
)
ACCELFORGE = Peer(
    "AccelForge",
    "accelforge",
    "peer_accelforge",
    """\
AccelForge was not run: it is not in this Python. It needs Python 3.12 or newer and an environment of its own:
    python3.12 -m venv .venv-accelforge
    .venv-accelforge/bin/pip install accelforge==1.0.467
    python bench/cost.py --accelforge-python .venv-accelforge/bin/python""",
)


class PeerProcess:
    """A running worker."""

    def __init__(self, peer: Peer, process: subprocess.Popen[str]) -> None:
        self.peer = peer
        self.process = process

    def search(self, layer: Layer) -> dict[str, Any]:
        """Return what the worker found for the layer: evaluated, seconds, macs, energy."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(described(layer)) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise SystemExit(
                f"{self.peer.name} ended with exit code {self.process.wait()}; its own message is above"
            )
        found = dict(json.loads(answer))
        if found["macs"] != layer.macs:
            raise SystemExit(f"{layer.name}: {layer.macs} MACs here, {found['macs']} in {self.peer.name}")
        return found


@contextmanager
def running(peer: Peer, python: str | None) -> Iterator[PeerProcess | None]:
    """Start a peer in the Python given, or in this one where it is installed; None where it is not."""
    if python is None and importlib.util.find_spec(peer.module) is not None:
        python = sys.executable
    if python is None:
        yield None
        return
    try:
        process = subprocess.Popen(
            [python, str(HERE / peer.worker / "worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | ONE_THREAD,
        )
    except OSError as error:
        raise SystemExit(f"--{peer.module}-python {python}: {error.strerror}") from None
    try:
        yield PeerProcess(peer, process)
    finally:
        process.terminate()
        process.wait()


def described(layer: Layer) -> dict[str, Any]:
    """Return a convolution as workers read it: bounds of its dims, and how its window moves."""
    assert layer.problem is not None
    rows, columns = layer.problem.tensor("inputs").axes[-2:]
    factor = {dim: times for axis in (rows, columns) for dim, times in axis.terms}
    return {
        "name": layer.name,
        "bounds": dict(layer.problem.bounds),
        "factor": factor,
        "input_size": [rows.size, columns.size],
        "padding": [-rows.offset, -columns.offset],
    }

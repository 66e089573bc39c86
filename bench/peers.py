"""Other cost models and simulators, each in a process and an environment of its own, asked by the layer.

A worker (peer_NAME/worker.py) reads one request a line and answers each with one line of JSON, so that turns
can alternate with ours in one run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dnnaccel.layers import Layer

__all__ = ["ACCELFORGE", "SCALESIM", "ZIGZAG", "Peer", "PeerProcess", "cpu_model", "load", "running"]

HERE = Path(__file__).parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Peer:
    """A cost model that can be measured beside ours."""

    name: str
    module: str
    worker: str
    needs: str
    installs: tuple[str, ...]
    """How to get it, in shell commands."""

    def how_to_get(self, script: str) -> str:
        """Return how to have a script of this folder run it."""
        python = f".venv-{self.module}/bin/python"
        commands = (*self.installs, f"python bench/{script}.py --{self.module}-python {python}")
        return "\n    ".join((f"{self.name} was not run: it is not in this Python. {self.needs}", *commands))


ZIGZAG = Peer(
    "ZigZag",
    "zigzag",
    "peer_zigzag",
    "Give it an environment of its own and name its Python:",
    ("python3 -m venv .venv-zigzag", ".venv-zigzag/bin/pip install zigzag-dse==3.9.1 six"),
)
ACCELFORGE = Peer(
    "AccelForge",
    "accelforge",
    "peer_accelforge",
    "It needs Python 3.12 or newer and an environment of its own:",
    ("python3.12 -m venv .venv-accelforge", ".venv-accelforge/bin/pip install accelforge==1.0.467"),
)
SCALESIM = Peer(
    "SCALE-Sim",
    "scalesim",
    "peer_scalesim",
    "It needs numpy below 2.4 and an environment of its own:",
    ("python3 -m venv .venv-scalesim", ".venv-scalesim/bin/pip install scalesim==3.0.0 'numpy<2.4'"),
)


class PeerProcess:
    """A worker, started when it is first asked and again after it was stopped for taking too long."""

    def __init__(self, peer: Peer, python: str) -> None:
        self.peer = peer
        self.python = python
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """Return the running worker."""
        if self.process is None:
            try:
                self.process = subprocess.Popen(
                    [self.python, str(HERE / self.peer.worker / "worker.py")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=os.environ | ONE_THREAD,
                )
            except OSError as error:
                raise SystemExit(f"--{self.peer.module}-python {self.python}: {error.strerror}") from None
        return self.process

    def stop(self) -> None:
        """End the worker, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def search(
        self, layer: Layer, request: dict[str, Any] | None = None, timeout: float | None = None
    ) -> dict[str, Any] | None:
        """Return what the worker found for the layer: evaluated, seconds, macs, ...; None if time ran out.

        `request` has what the worker should know beside the layer: machine, mapping, ... A worker that could
        not map the layer answers with `error`.
        """
        found = self.ask(described(layer) | (request or {}), timeout)
        if found is not None and "error" not in found and found["macs"] != layer.macs:
            raise SystemExit(f"{layer.name}: {layer.macs} MACs here, {found['macs']} in {self.peer.name}")
        return found

    def ask(self, request: dict[str, Any], timeout: float | None = None) -> dict[str, Any] | None:
        """Return the worker's answer to a request; None if time ran out."""
        process = self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = None if timeout is None else threading.Timer(timeout, end)
        if timer is not None:
            timer.start()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            if timer is not None:
                timer.cancel()
        if late.is_set():
            self.stop()
            return None
        if not answer:
            raise SystemExit(
                f"{self.peer.name} ended with exit code {process.wait()}; its own message is above"
            )
        return dict(json.loads(answer))


@contextmanager
def running(peer: Peer, python: str | None) -> Iterator[PeerProcess | None]:
    """Give a peer in the Python given, or in this one where it is installed; None where it is not."""
    if python is None:
        spec = importlib.util.find_spec(peer.module)
        # A bench of the peer's name stands in this folder, and is not the peer.
        if spec is not None and Path(spec.origin or "").parent != HERE:
            python = sys.executable
    if python is None:
        yield None
        return
    process = PeerProcess(peer, python)
    process.start()
    try:
        yield process
    finally:
        process.stop()


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


def cpu_model() -> str:
    """Return the processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def load() -> str:
    """Return the machine's load average, where the system has one."""
    return ", ".join(f"{value:.2f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"

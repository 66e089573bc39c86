"""How long the mapper takes to find a mapping and prove it the best, and how much memory; peers beside it.

Every case runs in a process of its own, so that its peak of memory is its own and no search profits from
one before; peers run turn by turn with ours. bench/README.md says what each column means, and how to get the
peers.

    python bench/mapper.py --zigzag-python Z/bin/python --accelforge-python A/bin/python
    python bench/mapper.py --quick --json found.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# What is measured is the search, not how fast its answer is read from a disk. Before dnnaccel is loaded.
os.environ["DNNACCEL_CACHE"] = "0"

from peer_machines import accelforge_machine, zigzag_machine, zigzag_mapping
from peers import ACCELFORGE, ZIGZAG, PeerProcess, cpu_model, load, running
from rich import box
from rich.console import Console
from rich.table import Table

import dnnaccel as da
from dnnaccel.layers import Layer

HERE = Path(__file__).parent
ALEXNET = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
QUICK_ZOO = ("lenet5", "mlp", "alexnet", "squeezenet_v1_1", "mobilenet_v1", "lstm")
NETWORK_PATIENCE = 5
"""A peer has this many times the limit of one layer for a whole network."""

Spread = dict[str, int]


@dataclass(frozen=True)
class Case:
    """Something to be mapped: a layer, or a network where `layer` is None."""

    key: str
    label: str
    chip: str
    flow: str | None
    target: float
    """Seconds that issue 5 allows."""
    layer: str | None = None
    networks: tuple[str, ...] = ()
    spread: tuple[Spread, Spread] | None = None
    """What ZigZag is told of rows and columns; None: it finds them itself."""

    @property
    def threads(self) -> int:
        """One for a layer, two for networks, as the targets say."""
        return 2 if self.networks else 1


RS: tuple[Spread, Spread] = ({"R": 12}, {"P": 14})
WS: tuple[Spread, Spread] = ({"C": 32}, {"M": 32})


def cases(*, quick: bool) -> list[Case]:
    """Return what issue 5 asks to be measured."""
    found = [
        Case("matmul", "matrix product 1024^3, 3 levels", "machine", "free", 0.02, layer="matmul1024"),
        Case("conv", "conv 3x3 64->64, 56x56, 3 levels", "machine", "free", 0.2, layer="resnet50:conv2_1b"),
    ]
    for flow, target, spread in (("rs", 0.2, RS), ("free", 3.0, None)):
        found += [
            Case(
                f"alexnet-{name}-{flow}",
                f"alexnet {name}, eyeriss, {flow}",
                "eyeriss",
                flow,
                target,
                layer=f"alexnet:{name}",
                spread=spread,
            )
            for name in ALEXNET
        ]
    zoo = QUICK_ZOO if quick else tuple(da.zoo.names())
    return [
        *found,
        Case("alexnet", "alexnet, eyeriss", "eyeriss", None, 1.0, networks=("alexnet",), spread=RS),
        Case("resnet18", "resnet18, 32x32 TPU", "tpu32", None, 1.0, networks=("resnet18",), spread=WS),
        Case("resnet50", "resnet50, 32x32 TPU", "tpu32", None, 3.0, networks=("resnet50",), spread=WS),
        Case("zoo", f"{len(zoo)} zoo networks, eyeriss", "eyeriss", None, 300.0, networks=zoo),
    ]


def chip_of(name: str) -> da.Chip:
    """Return the chip of a case: a preset, this folder's machine, or TPU v1 with an array of 32x32."""
    if name == "machine":
        return da.arch.load(HERE / "machine.yaml")
    if name == "tpu32":
        return da.arch.load("tpu_v1").override({"mxu.rows": 32, "mxu.columns": 32})
    return da.arch.load(name)


def layer_of(name: str) -> Layer:
    """Return `network:layer`, or a matrix product of three equal sizes."""
    if name.startswith("matmul"):
        size = int(name.removeprefix("matmul"))
        return da.layers.Linear(name=name, input_shapes=((size, size),), out_features=size)
    network, layer = name.split(":")
    return da.zoo.load(network)[layer]


def peak_bytes() -> int | None:
    """Return the largest size that this process had in memory; None where the system does not tell."""
    try:
        # Not getrusage's: where a process is spawned, that one starts with the peak of its parent.
        text = Path("/proc/self/status").read_text(encoding="ascii")
        return next(1024 * int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@dataclass
class Run:
    """One turn of a case: what was found, and what it took."""

    seconds: float
    cpu_seconds: float
    peak: int | None
    energy: float
    cycles: float
    unit: str
    optimal: bool | None
    """Whether the search says that it proved every answer; None if a network's report does not tell."""
    gap: float = 0.0
    mapspace: float = 0.0
    costed: int = 0
    layers: int = 1
    proved: int = 0
    """Of a network: its layers with MACs, and those whose mapping is proved."""


def run_layer(case: Case) -> Run:
    """Search one layer, in this process."""
    assert case.layer is not None
    chip, layer = chip_of(case.chip), layer_of(case.layer)
    da.search(layer_of("matmul4"), chip, "free", threads=1)  # loads what a first search loads
    start, began = time.process_time(), time.perf_counter()
    found = da.search(layer, chip, case.flow, threads=case.threads)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - start
    return Run(
        seconds,
        cpu_seconds,
        peak_bytes(),
        found.cost.energy,
        found.cost.cycles,
        found.cost.energy_unit,
        found.optimal,
        found.gap,
        found.mapspace,
        found.evaluated,
    )


def run_network(case: Case, name: str) -> Run:
    """Simulate one network, in this process."""
    chip, network = chip_of(case.chip), da.zoo.load(name)
    da.simulate(layer_of("matmul4"), chip, threads=case.threads)
    start, began = time.process_time(), time.perf_counter()
    report = da.simulate(network, chip, dataflow=case.flow, threads=case.threads)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - start
    proofs = [getattr(row, "optimal", None) for row in report.layers if row.macs]
    return Run(
        seconds,
        cpu_seconds,
        peak_bytes(),
        report.energy,
        report.cycles,
        report.energy_unit,
        None if None in proofs else all(proofs),
        layers=len(proofs),
        proved=sum(proof is True for proof in proofs),
    )


def in_child(case: Case, network: str | None) -> Run:
    """Run a case, or one network of it, in a process of its own."""
    command = [sys.executable, __file__, "--child", case.key, *([network] if network else [])]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode != 0:
        raise SystemExit(f"{case.label}{f', {network}' if network else ''}: it failed, as said above")
    return Run(**json.loads(ended.stdout.splitlines()[-1]))


def together(runs: list[Run]) -> Run:
    """Return several networks as one run: sums of what adds up, the largest peak and gap."""
    peaks = [run.peak for run in runs if run.peak is not None]
    proofs = [run.optimal for run in runs]
    return Run(
        seconds=sum(run.seconds for run in runs),
        cpu_seconds=sum(run.cpu_seconds for run in runs),
        peak=max(peaks, default=None),
        energy=sum(run.energy for run in runs),
        cycles=sum(run.cycles for run in runs),
        unit=runs[0].unit,
        optimal=None if None in proofs else all(proofs),
        gap=max(run.gap for run in runs),
        layers=sum(run.layers for run in runs),
        proved=sum(run.proved for run in runs),
    )


@dataclass
class PeerRun:
    """What a peer took for a case; `why_not` says so if it came to no end."""

    wall: float = 0.0
    cpu_seconds: float = 0.0
    why_not: str = ""


def run_peer(case: Case, process: PeerProcess, timeout: float) -> PeerRun:
    """Search every layer of a case with a peer, equal ones again, as it does itself."""
    chip = chip_of(case.chip)
    if process.peer is ZIGZAG:
        rows, columns = case.spread or ({}, {})
        request: dict[str, Any] = {
            "machine": zigzag_machine(chip),
            "mapping": zigzag_mapping(rows, columns),
            "spatial_mappings": 3,  # the default of its API
        }
    else:
        request = {"machine": accelforge_machine(chip, bypass=case.flow == "free"), "whole": True}
    request["word_bits"] = chip.word_bits
    if case.layer is not None:
        layers, left = [layer_of(case.layer)], timeout
    else:
        layers = [layer for layer in da.zoo.load(case.networks[0]) if layer.macs]
        left = NETWORK_PATIENCE * timeout
    total = PeerRun()
    for layer in layers:
        began, limit = time.perf_counter(), min(timeout, left)
        found = process.search(layer, request, limit)
        left -= time.perf_counter() - began
        if found is None:
            total.why_not = f"> {total.wall + limit:,.0f} s"
        elif "error" in found:
            total.why_not = "cannot"
            print(f"{process.peer.name}, {layer.name}: {found['error'][:300]}", file=sys.stderr)
        else:
            total.wall += found["wall"]
            total.cpu_seconds += found["seconds"]
        if total.why_not:
            break
    return total


@dataclass
class Result:
    """All turns of a case."""

    case: Case
    ours: list[Run] = field(default_factory=list)
    networks: dict[str, list[Run]] = field(default_factory=dict)
    peers: dict[str, list[PeerRun]] = field(default_factory=dict)

    def turn(self, processes: list[PeerProcess], timeout: float) -> None:
        """Run ours and every peer once; peers that came to no end before are not asked again."""
        if self.case.layer is not None:
            self.ours.append(in_child(self.case, None))
        else:
            runs = []
            for name in self.case.networks:
                runs.append(in_child(self.case, name))
                self.networks.setdefault(name, []).append(runs[-1])
                if len(self.case.networks) > 1:
                    say(f"  {name}: {runs[-1].seconds:.2f} s")
            self.ours.append(together(runs))
        say(f"{self.case.label}: {self.ours[-1].seconds:.3f} s")
        if len(self.case.networks) > 1:
            return  # no peer has the whole zoo
        for process in processes:
            before = self.peers.setdefault(process.peer.name, [])
            if not any(run.why_not for run in before):
                before.append(run_peer(self.case, process, timeout))
                say(f"  {process.peer.name}: {before[-1].why_not or f'{before[-1].wall:.2f} s'}")

    def ratio(self, peer: str) -> str:
        """Return how many times as long a peer takes: CPU seconds, then wall."""
        runs = self.peers.get(peer)
        if not runs:
            return "-"
        if runs[-1].why_not:
            return runs[-1].why_not
        cpu = statistics.median(run.cpu_seconds for run in runs)
        wall = statistics.median(run.wall for run in runs)
        ours = statistics.median(run.cpu_seconds for run in self.ours)
        ours_wall = statistics.median(run.seconds for run in self.ours)
        times = [
            f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.1f}x" for ratio in (cpu / ours, wall / ours_wall)
        ]
        return f"{times[0]} CPU ({cpu:.1f} s), {times[1]} wall"

    def row(self) -> list[str]:
        """Return a row of the table."""
        seconds = [run.seconds for run in self.ours]
        median, run = statistics.median(seconds), self.ours[-1]
        peaks = [run.peak for run in self.ours if run.peak is not None]
        gap = "no bound" if run.gap == 1 else f"gap {100 * run.gap:.2g} %"
        if run.layers > 1:
            gap = f"{run.proved} of {run.layers} layers"
        # A target is for the answer and its proof.
        in_time = {True: "met", False: "in time, unproved", None: "in time"}[run.optimal]
        verdict = in_time if median <= self.case.target else "missed"
        proof = {True: "yes", False: f"no, {gap}", None: "not said"}[run.optimal]
        return [
            self.case.label,
            str(self.case.threads),
            f"{min(seconds):.3f}",
            f"{median:.3f}",
            f"{self.case.target:g}: {verdict}",
            proof,
            f"{run.mapspace:.2e}" if run.mapspace else "-",
            f"{run.costed:,}" if run.costed else "-",
            f"{max(peaks) / 2**20:,.0f}" if peaks else "-",
            f"{run.energy:.6g} {run.unit}, {run.cycles:.4g} cycles",
        ]


COLUMNS = (
    "case",
    "threads",
    "min s",
    "median s",
    "target s",
    "proved",
    "mapspace",
    "costed",
    "peak MB",
    "found",
)


def say(text: str) -> None:
    """Tell how far the run is, beside the results."""
    print(text, file=sys.stderr, flush=True)


def print_results(results: list[Result], peers: list[PeerProcess]) -> None:
    """Print what was measured, peers in a table of their own."""
    console = Console(width=220)
    ours = Table(box=box.MARKDOWN)
    for heading in COLUMNS:
        ours.add_column(heading, justify="left" if heading in ("case", "proved", "found") else "right")
    theirs = Table(box=box.MARKDOWN)
    for heading in ("case", *(f"{process.peer.name} / ours" for process in peers)):
        theirs.add_column(heading)
    for result in results:
        ours.add_row(*result.row())
        if result.peers:
            theirs.add_row(result.case.label, *(result.ratio(process.peer.name) for process in peers))
    console.print(ours)
    if peers:
        console.print(theirs)


def write_json(file: Path, results: list[Result]) -> None:
    """Write every turn of every case."""
    file.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n", encoding="utf-8")


@contextmanager
def kept_on_interrupt() -> Iterator[None]:
    """End quietly at Ctrl-C, so that what was measured is still printed."""
    try:
        yield
    except KeyboardInterrupt:
        say("\nstopped; what was measured so far:")


def child(key: str, network: str | None) -> None:
    """Run one case and print it as JSON."""
    (case,) = (case for case in cases(quick=False) if case.key == key)
    print(json.dumps(asdict(run_layer(case) if network is None else run_network(case, network))))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--zigzag-python", metavar="PATH", help="Python that has zigzag-dse and six")
    parser.add_argument("--accelforge-python", metavar="PATH", help="Python that has accelforge")
    parser.add_argument("--turns", type=int, help="turns of each (default 5, with --quick 2)")
    parser.add_argument(
        "--peer-timeout", type=float, help="seconds a peer may take for a layer (default 60, with --quick 5)"
    )
    parser.add_argument("--only", metavar="TEXT", help="cases whose label has this text")
    parser.add_argument("--quick", action="store_true", help="few turns and networks: some minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every turn of every case")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.child[1] if len(options.child) > 1 else None)
        return
    timeout = options.peer_timeout or (5 if options.quick else 60)
    print(f"dnnaccel {da.__version__}, Python {platform.python_version()}, {platform.system()}")
    print(f"CPU: {cpu_model()}, {os.cpu_count()} cores; load average before: {load()}")
    results = [Result(case) for case in cases(quick=options.quick) if (options.only or "") in case.label]
    with ExitStack() as stack:
        processes = [
            process
            for peer, python in ((ZIGZAG, options.zigzag_python), (ACCELFORGE, options.accelforge_python))
            if (process := stack.enter_context(running(peer, python))) is not None
        ]
        with kept_on_interrupt():
            for _ in range(options.turns or (2 if options.quick else 5)):
                for result in results:
                    result.turn(processes, timeout)
        done = [result for result in results if result.ours]
        print(f"load average after: {load()}\n")
        print_results(done, processes)
        if options.json:
            write_json(options.json, done)
    for peer in (ZIGZAG, ACCELFORGE):
        if peer not in [process.peer for process in processes]:
            print(peer.how_to_get("mapper"))


if __name__ == "__main__":
    main()

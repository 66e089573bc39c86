"""Writes a page and a picture for each chip that comes with the package, from its YAML file.

    python docs/chips/generate.py              # rewrites docs/chips/*.md and *.svg
    python docs/chips/generate.py --simulate   # first simulates anew what stands in figures.json, 10 minutes
    python docs/chips/generate.py --simulate eie,scnn           # for these chips alone
    python docs/chips/generate.py --check      # changes nothing; fails where a file is stale

What is published stands in published.yaml; what simulation gives is kept in figures.json, so that the pages
can be written, and checked, within seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import picture
import yaml

import dnnaccel as da
from dnnaccel.arch import Chip, Level, Memory, host

HERE = Path(__file__).parent
NETWORKS = ("alexnet", "resnet50")
OBJECTIVES = ("energy", "edp")
# Of pruned AlexNet: docs/sparsity.md.
DENSITY = "han15"
MADE_UP = host.HostFigures(
    processor="an example of two cores",
    cores=2,
    instructions="avx2",
    lanes=8,
    clock_hz=3.2e9,
    macs_per_second=51.2e9,
    memories=tuple(
        host.HostMemory(
            name=name,
            size_bytes=size,
            line_bytes=64,
            shared_by=threads,
            threads=threads,
            working_set_bytes=working_set,
            read_bytes_per_second=read * 1e9,
            write_bytes_per_second=write * 1e9,
        )
        for name, size, threads, working_set, read, write in (
            ("l1", 2**15, 1, 2**14, 195, 100),
            ("l2", 2**19, 1, 294912, 100, 95),
            ("l3", 2**25, 2, 17891328, 50, 45),
            ("dram", None, 2, 2**27, 16, 12),
        )
    ),
    source="an example",
)


def names() -> list[str]:
    """Every chip that has a page: the presets; the pages are about chips, not about a file to copy."""
    return [name for name in da.arch.names() if name != "example"]


def load(name: str) -> Chip:
    """A preset; in place of this machine, which differs from reader to reader, one that is made up."""
    return host.chip_of(MADE_UP) if name == da.arch.HOST else da.arch.load(name)


def published() -> dict[str, list[dict[str, Any]]]:
    """What is published, by chip."""
    found: dict[str, list[dict[str, Any]]] = yaml.safe_load((HERE / "published.yaml").read_text("utf-8"))
    return found


# ------------------------------------------------------------------------------------------------------------
# Simulations, kept in figures.json


def simulated(name: str) -> dict[str, Any]:
    """What a chip gives on the two networks, and beside what is published."""
    chip = load(name)
    found: dict[str, Any] = {}
    for network in NETWORKS:
        for objective in OBJECTIVES:
            report = da.simulate(network, chip, objective=objective)
            found[f"{network} {objective}"] = summary(report, chip)
    if uses_zeros(chip):
        report = da.simulate("alexnet", chip, objective="edp", density=DENSITY)
        found[f"alexnet {DENSITY}"] = summary(report, chip)
    for entry in published().get(name, []):
        if "network" in entry:
            found[entry["what"]] = beside(entry, chip)
    return found


def uses_zeros(chip: Chip) -> bool:
    """Whether densities change what a chip does."""
    return bool(chip.mac.skips or chip.mac.gates)


def summary(report: da.Report, chip: Chip) -> dict[str, Any]:
    """The line of a network on a chip."""
    shares = dict.fromkeys([*(level.name for level in chip.levels), "mac"], 0.0)
    bound: dict[str, int] = {}
    for layer in report.layers:
        for count in layer.levels:
            shares[count.level] += count.energy
        for network in layer.networks:
            shares[network.array] += network.energy
        shares["mac"] += layer.mac_energy
        if layer.mapping is not None:
            bound[layer.bound_by] = bound.get(layer.bound_by, 0) + layer.cycles
    cycles = sum(bound.values())
    return {
        "cycles": report.cycles,
        "utilization": rounded(report.utilization),
        "energy_per_mac": rounded(report.energy / report.macs),
        "energy": {key: rounded(value / report.energy) for key, value in top(shares, report.energy)},
        "bound_by": {key: rounded(value / cycles) for key, value in top(bound, cycles)},
        "dram_words": report.traffic(level=chip.memories[0].name),
    }


def top(shares: dict[str, Any], whole: float) -> list[tuple[str, Any]]:
    """The three largest shares, of those above five per cent."""
    largest = sorted(shares.items(), key=lambda item: -item[1])[:3]
    return [(key, value) for key, value in largest if value > 0.05 * whole]


def rounded(value: float) -> float:
    """Three digits."""
    return float(f"{value:.3g}")


def beside(entry: dict[str, Any], chip: Chip) -> float:
    """Our figure beside a published one."""
    batch = entry.get("batch", 1)
    network = da.zoo.load(entry["network"], batch=batch)
    chosen = entry.get("layers", [layer.name for layer in network])
    if chosen == "conv":
        chosen = [layer.name for layer in network if layer.kind == "conv2d"]

    def run(density: Any) -> list[da.LayerReport]:
        report = da.simulate(network, chip, objective="edp", density=density)
        return [report[name] for name in chosen]

    layers = run(entry.get("density"))
    cycles = sum(layer.cycles for layer in layers)
    assert chip.clock_mhz is not None
    seconds = cycles / chip.clock_mhz / 1e6
    energy = sum(layer.energy for layer in layers)
    outside = chip.memories[0].name
    out = sum(count.energy for layer in layers for count in layer.levels if count.level == outside)
    if entry["ours"] == "speedup":
        return rounded(sum(layer.cycles for layer in run(None)) / cycles)
    return rounded(
        {
            "fps": batch / seconds,
            "ms": seconds * 1e3,
            "us": seconds * 1e6,
            "power_w": energy * 1e-12 / seconds,
            "on_chip_mw": (energy - out) * 1e-9 / seconds,
            "on_chip_pj_per_op": (energy - out) / sum(layer.macs for layer in layers) / 2,
        }[entry["ours"]]
    )


# ------------------------------------------------------------------------------------------------------------
# Pages


def page(name: str, figures: dict[str, Any]) -> str:
    """The page of one chip, as Markdown."""
    chip = load(name)
    lines = [f"# {name}: {chip.title}", "", f"![{name}]({name}.svg)", "", chip.description.strip(), ""]
    lines += [f"**Paper and sources.** {chip.source.strip()}", ""]
    lines += facts(name, chip)
    if name in figures:
        lines += runs(chip, figures[name])
    if name in published():
        lines += comparison(name, chip, figures[name])
    lines += ["## Every number and its source", "", "| part | key | value | source |", "|---|---|---|---|"]
    for level in chip.levels:
        lines += level_rows(level, chip)
    lines.append(f"| mac | energy | {shown(chip.mac.energy)} {chip.energy_unit} | {cell(chip.mac.source)} |")
    vector = f"{chip.vector.lanes} lanes, {shown(chip.vector.op_energy)} {chip.energy_unit}"
    lines.append(f"| vector unit | lanes, op_energy | {vector} | {cell(chip.vector.source)} |")
    return "\n".join([*lines, "", "Written by `python docs/chips/generate.py`.", ""])


def facts(name: str, chip: Chip) -> list[str]:
    """What the chip is, in one table."""
    clock = "not stated" if chip.clock_mhz is None else f"{chip.clock_mhz:g} MHz"
    peak = f"{chip.peak_macs_per_cycle:,} MACs per cycle"
    if chip.clock_mhz is not None:
        peak += f" = {chip.peak_macs_per_cycle * chip.clock_mhz * 2e-6:.4g} TOPS (a MAC is two operations)"
    area = "nobody says" if chip.area is None else f"{chip.area:,.4g} {chip.area_unit.replace('mm2', 'mm²')}"
    return [
        "| | |",
        "|---|---|",
        f"| process | {'not stated' if chip.technology_nm is None else f'{chip.technology_nm:g} nm'} |",
        f"| clock | {clock} |",
        f"| words | {chip.word_bits} bits |",
        f"| peak | {peak} |",
        f"| area | {area} |",
        f"| dataflow | `{chip.dataflow}` |",
        "",
    ]


def runs(chip: Chip, figures: dict[str, Any]) -> list[str]:
    """What the two networks do on it."""
    unit = chip.energy_unit
    lines = [
        "## What it does with two networks",
        "",
        "One image, the chip's own dataflow, dense where no density is named. "
        f"{unit}/MAC counts everything, the outermost memory too.",
        "",
        f"| network | mappings for | frames/s | MACs at work | {unit}/MAC | of it | cycles bound by |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [
        (network, objective, f"{network} {objective}") for network in NETWORKS for objective in OBJECTIVES
    ]
    if uses_zeros(chip):
        rows.append((f"alexnet, density `{DENSITY}`", "edp", f"alexnet {DENSITY}"))
    for network, objective, key in rows:
        found = figures[key]
        rate = "" if chip.clock_mhz is None else f"{chip.clock_mhz * 1e6 / found['cycles']:,.3g}"
        spent, bound = (
            ", ".join(f"{key} {value:.0%}" for key, value in found[part].items())
            for part in ("energy", "bound_by")
        )
        lines.append(
            f"| {network} | {objective} | {rate} | {found['utilization']:.1%} | "
            f"{found['energy_per_mac']:.3g} | {spent} | {bound} |"
        )
    if chip.mac.skips:
        lines += ["", "With a density, MACs at work do not count those that the chip skips."]
    return [*lines, ""]


def comparison(name: str, chip: Chip, figures: dict[str, Any]) -> list[str]:
    """What is published, beside ours."""
    lines = ["## Published, and ours", "", "| | published | ours | why they differ |", "|---|---|---|---|"]
    for entry in published()[name]:
        peak = chip.peak_macs_per_cycle * (chip.clock_mhz or 0)
        own = {"peak_tops": peak * 2e-6, "peak_gmacs": peak * 1e-3}
        ours = figures[entry["what"]] if "network" in entry else own[entry["ours"]]
        lines.append(
            f"| {entry['what']} | {entry['published']:g} ({entry['source']}) | {ours:.4g} | "
            f"{cell(entry.get('why', ''))} |"
        )
    return [*lines, ""]


def level_rows(level: Level, chip: Chip) -> list[str]:
    """A row for each number of a level."""
    unit = chip.energy_unit
    if isinstance(level, Memory):
        units = {
            "size_bytes": "bytes",
            "word_bits": "bits",
            "keeps": "",
            "buffering": "",
            "read_energy": f"{unit} per word",
            "write_energy": f"{unit} per word",
            "bytes_per_cycle": "bytes per cycle",
            "read_bytes_per_cycle": "bytes per cycle",
            "write_bytes_per_cycle": "bytes per cycle",
            "formats": "",
            "gated_by": "",
        }
    else:
        units = {
            "rows": "",
            "columns": "",
            "multicast": "",
            "reduce": "",
            "forwards": "",
            "charge": "",
            "energy": f"{unit} per word",
            "words_per_cycle": "words per cycle",
        }
    rows = []
    for key, what in units.items():
        value = getattr(level, key)
        source = level.sources.get(key, "")
        if value in (None, (), {}) or not (source or key in ("size_bytes", "rows")):
            continue
        rows.append(f"| {level.name} | {key} | {f'{shown(value)} {what}'.strip()} | {cell(source)} |")
    return rows


def shown(value: object) -> str:
    """A value as the table has it."""
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(one)}" for key, one in value.items() if one != "none")
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value)


def cell(text: str) -> str:
    """Text on one line, for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def index() -> str:
    """The page that lists them all."""
    lines = [
        "# The chips that come with the package",
        "",
        "Each has a page with a picture, what two networks do on it, what is published beside what the model",
        "gives, and the source of every number. [chips.md](../chips.md) describes the file format.",
        "",
        "| chip | what it is | array | peak TOPS | bits | nm | area, mm² | dataflow |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names():
        chip = load(name)
        if name == da.arch.HOST:
            what = "this machine: its caches, its measured bandwidths and peak"
            lines.append(f"| [{name}]({name}.md) | {what} | | | {chip.word_bits} | | | `{chip.dataflow}` |")
            continue
        shape = " of ".join(f"{a.rows}x{a.columns}" for a in chip.arrays if a.instances > 1)
        peak = "" if chip.clock_mhz is None else f"{chip.peak_macs_per_cycle * chip.clock_mhz * 2e-6:.3g}"
        area = "" if chip.area_unit != "mm2" or chip.area is None else f"{chip.area:.4g}"
        process = "" if chip.technology_nm is None else f"{chip.technology_nm:g}"
        lines.append(
            f"| [{name}]({name}.md) | {chip.title} | {shape} | {peak} | {chip.word_bits} | {process} "
            f"| {area} | `{chip.dataflow}` |"
        )
    return "\n".join([*lines, "", PICTURES, ""])


PICTURES = """\
How to read the pictures: a box is a memory, with the tensors that it keeps (I inputs, W weights, O outputs),
its size in words, the energy of a read (R) and a write (W) of one word, and its bandwidth; a frame is an
array, and what is inside exists once in each of its instances. Coloured lines are the way of a tensor from
memory to memory; one down the left margin passes a memory by. `host_cpu` is drawn for an example of a
machine.

Pages and pictures are written by `python docs/chips/generate.py`; a test checks that they are not stale."""


def files(figures: dict[str, Any]) -> dict[str, str]:
    """Every file that is generated, by its name."""
    made = {"presets.md": index()}
    for name in names():
        made[f"{name}.md"] = page(name, figures)
        made[f"{name}.svg"] = picture.draw(load(name))
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the pages and pictures of the chips.")
    parser.add_argument(
        "--simulate",
        metavar="CHIPS",
        nargs="?",
        const=",".join(name for name in names() if name != da.arch.HOST),
        default="",
        help="simulate anew what figures.json holds, for all chips or for these, with commas between",
    )
    parser.add_argument("--check", action="store_true", help="change nothing, fail where a file is stale")
    options = parser.parse_args()
    kept = HERE / "figures.json"
    figures = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for name in filter(None, options.simulate.split(",")):
        figures[name] = simulated(name)
        text = json.dumps(dict(sorted(figures.items())), indent=1)
        kept.write_text(text + "\n", encoding="utf-8")
    stale = []
    for name, text in files(figures).items():
        path = HERE / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not options.check:
                path.write_text(text, encoding="utf-8")
    print(f"{'stale' if options.check else 'wrote'}: {', '.join(stale) or 'nothing'}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

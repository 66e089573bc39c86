"""A chip as a text drawing: what is kept where, how large, how dear, how fast."""

from __future__ import annotations

from collections.abc import Sequence

from dnnaccel.arch.chip import Chip
from dnnaccel.arch.estimates import area_of
from dnnaccel.arch.levels import Array, Level, Mac, Memory
from dnnaccel.problem import ROLES

__all__ = ["draw"]

WIDTH = 100

_BUFFERING = {"single": "", "double": "double buffered", "stream": "streamed"}


def draw(chip: Chip) -> str:
    """Return the drawing of `chip`, at most 100 columns wide: outermost level first, each with its units."""
    lines = _heading(chip)
    indent = ""
    for level in chip.levels:
        if isinstance(level, Array):
            lines += _array(level, indent, chip)
            indent += "  │ "
        else:
            lines += _memory(level, indent, chip)
    lines += _mac(chip, indent)
    vector = chip.vector
    lines.append(
        f"vector unit at {vector.memory}: {vector.lanes} operations per cycle, "
        f"{vector.op_energy:.4g} {chip.energy_unit} each"
    )
    lines.append(_peak(chip))
    lines += _totals(chip)
    return "\n".join(lines)


def _bytes(size: int) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.2f}".rstrip("0").rstrip(".") + f" {unit}"
    return f"{size} B"


def _heading(chip: Chip) -> list[str]:
    facts = []
    if chip.technology_nm is not None:
        facts.append(f"{chip.technology_nm:g} nm")
    facts.append("no clock stated" if chip.clock_mhz is None else f"{chip.clock_mhz:g} MHz")
    facts += [f"{chip.word_bits}-bit words", f"energies in {chip.energy_unit}", f"dataflow {chip.dataflow}"]
    title = f"{chip.name}: {chip.title}" if chip.title else chip.name
    return [title, ", ".join(facts), ""]


def _memory(memory: Memory, indent: str, chip: Chip) -> list[str]:
    kept = [role + ("*" if role in memory.may_bypass else "") for role in ROLES if role in memory.keeps]
    size = "unlimited"
    if memory.size_bytes is not None:
        words = "1 word" if memory.capacity_words == 1 else f"{memory.capacity_words:,} words"
        size = f"{_bytes(memory.size_bytes)} = {words}"
        if memory.word_bits != chip.word_bits:
            size += f" of {memory.word_bits} bits"
    costs = [f"read {memory.read_energy:.4g}, write {memory.write_energy:.4g} {chip.energy_unit} per word"]
    if memory.bytes_per_cycle is not None:
        costs.append(f"{memory.bytes_per_cycle:.4g} B per cycle")
    if memory.read_bytes_per_cycle is not None:
        costs.append(f"{memory.read_bytes_per_cycle:.4g} B read per cycle")
    if memory.write_bytes_per_cycle is not None:
        costs.append(f"{memory.write_bytes_per_cycle:.4g} B written per cycle")
    facts = [size, _BUFFERING[memory.buffering], "* may bypass it" if memory.may_bypass else ""]
    zeros = [f"{role} in {name}" for role, name in memory.formats.items()]
    if memory.gated_by:
        zeros.append(f"zeros of {' and '.join(memory.gated_by)} save accesses")
    return [
        f"{indent}├─ {memory.name} [{', '.join(kept)}]  {', '.join(fact for fact in facts if fact)}",
        *_wrapped(costs, f"{indent}│    "),
        *_wrapped(_made_of(memory, chip), f"{indent}│    "),
        *_wrapped(zeros, f"{indent}│    "),
    ]


def _made_of(part: Level | Mac, chip: Chip) -> list[str]:
    facts = []
    if part.component:
        filled = [key.split("_")[0] for key in part.estimates]
        facts.append(f"made of {part.component['kind']}: {' and '.join(filled) or 'nothing'} estimated")
    area = area_of(part)
    if area is not None:
        facts.append(f"{area:.4g} {chip.area_unit} each")
    if part.leakage_mw:
        facts.append(f"leaks {part.leakage_mw:.4g} mW each")
    return facts


def _array(array: Array, indent: str, chip: Chip) -> list[str]:
    multicast = array.multicast if isinstance(array.multicast, str) else " ".join(array.multicast)
    reduce = array.reduce if isinstance(array.reduce, str) else " ".join(array.reduce)
    network = [f"multicast {multicast}", f"sums meet over {reduce}"]
    if array.forwards:
        network.append(f"neighbours hand on {', '.join(array.forwards)}")
    size = f"{array.rows} rows x {array.columns} columns = {array.instances}"
    lines = [f"{indent}└─ {array.name}  {size} instances of", f"{indent}  │  {', '.join(network)}"]
    charged = [f"{role} by {how}" for role, how in array.charge.items() if how != "none"]
    if charged and array.energy:
        lines.append(f"{indent}  │  {array.energy:.4g} {chip.energy_unit} per word: {', '.join(charged)}")
    rates = [f"{role} {rate:.4g}" for role, rate in array.words_per_cycle.items()]
    if rates:
        lines.append(f"{indent}  │  words per cycle into one instance: {', '.join(rates)}")
    return lines + _wrapped(_made_of(array, chip), f"{indent}  │  ")


def _mac(chip: Chip, indent: str) -> list[str]:
    mac = chip.mac
    facts = [f"mac: {mac.energy:.4g} {chip.energy_unit} each"]
    if mac.gates:
        facts.append(f"zeros of {' and '.join(mac.gates)} save its energy")
    if mac.skips:
        facts.append(f"zeros of {' and '.join(mac.skips)} are skipped")
    facts += _made_of(mac, chip)
    return _wrapped(facts, f"{indent}└─ ", f"{indent}   ")


def _totals(chip: Chip) -> list[str]:
    lines = []
    areas = {name: area for name, area in chip.area_by_part().items() if area is not None}
    if areas:
        parts = [f"{name} {area:.4g}" for name, area in areas.items()]
        whole = " known:" if chip.area is None else f" {chip.area:.4g} {chip.area_unit}:"
        lines += _wrapped([f"area{whole} {parts[0]}", *parts[1:]], "", "  ")
        if chip.area is None:
            lines[-1] += f" {chip.area_unit}"
            lines += _wrapped(list(chip.parts_without_area), "area unknown: ", "  ")
    if chip.leakage_mw:
        lines.append(f"leakage {chip.leakage_mw:.4g} mW")
    return lines


def _wrapped(facts: Sequence[str], first: str, rest: str | None = None) -> list[str]:
    """Return `facts` with commas between, as many to a line as fit, behind `first` and then `rest`."""
    lines: list[str] = []
    for fact in facts:
        if lines and len(lines[-1]) + len(fact) + 3 <= WIDTH:
            lines[-1] += f", {fact}"
        else:
            if lines:
                lines[-1] += ","
            lines.append((first if rest is None or not lines else rest) + fact)
    return lines


def _peak(chip: Chip) -> str:
    peak = f"peak {chip.peak_macs_per_cycle:,} MACs per cycle"
    if chip.clock_mhz is None:
        return peak
    return f"{peak} = {chip.peak_macs_per_cycle * chip.clock_mhz / 1e3:,.1f} GMAC/s"

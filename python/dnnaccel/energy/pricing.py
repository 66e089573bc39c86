"""What each kind of component costs: interpolation within a table, and the text that says how."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dnnaccel._checks import nearest_key
from dnnaccel.energy import tables
from dnnaccel.energy.scaling import Refused, Scaled, area_factor, at_technology, log_line, nanometres
from dnnaccel.energy.tables import Row, Table

__all__ = ["KINDS", "Priced", "Setting"]

BEYOND = 4.0
"""How many times past a table's ends a size may lie; it is on the line through the last two points."""
SCALES = "jouppi2021"
"""The table whose columns scale an operation below 45 nm."""

Priced = dict[str, tuple[float, str]]
"""Values by the keys of a chip file, each with how it came about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a component takes from around it: the chip's technology and word, its level's word and size."""

    technology_nm: float | None = None
    word_bits: int = 16
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Memory:
    """A memory as the tables see it: `size` in the unit of `quantity`, in `banks`, with `ports`."""

    kind: str
    quantity: str
    size: float
    bank_bytes: float
    banks: int
    ports: int
    width: int
    text: str


def _memory(table: Table, fields: Mapping[str, Any], setting: Setting, technology: float | None) -> Priced:
    memory = _describe(fields, setting)
    rows = [row for row in table.of(memory.quantity) if row.read]
    flat = table.row(memory.kind, tables.ANY)
    if not rows and flat is None:
        raise Refused("table", _has_no(table, memory.kind))
    priced: Priced = {}
    for key in ("read", "write"):
        if flat is not None:
            scaled = at_technology(getattr(flat, key), technology, {}, f"a {memory.kind} of {table.name}")
            energy, how, used = scaled.value, _said(scaled.stated, flat, table, scaled.how), [flat]
        else:
            energy, how, used = _by_size(rows, key, memory, table, technology)
        bits = used[0].bits
        text = f"{memory.text}, {table.name}: {how}"
        if bits is not None:
            accesses, share = _words_per_access(memory.width, setting.word_bits)
            energy *= memory.width / bits / accesses
            wider = "" if memory.width == bits else f"; x {memory.width} / {bits} bits of an access"
            text += f"{wider}{share}"
        if memory.ports > 1:
            energy *= memory.ports
            text += f"; x {memory.ports} ports (wires as much longer; derived)"
        priced[f"{key}_energy"] = energy, f"{text}. {_stated_by(used)}"
    return priced | _memory_area(table, memory, technology)


def _describe(fields: Mapping[str, Any], setting: Setting) -> _Memory:
    bits = fields["bits"] or (None if setting.size_bytes is None else setting.size_bytes * 8)
    if bits is None:
        raise Refused("bits", "missing; state the capacity, as bits here or as size_bytes of the level")
    width, banks = fields["width_bits"] or setting.word_bits, fields.get("banks", 1)
    bank_bytes = bits / 8 / banks
    if fields["kind"] == "regfile":
        text = f"register file of {bits / width:.4g} x {width} bit"
        return _Memory("regfile", "regfile_words", bits / width, bank_bytes, 1, fields["ports"], width, text)
    text = f"SRAM {_bytes(bits / 8)} x {width} bit"
    if banks > 1:
        text += f" in {banks} banks of {_bytes(bank_bytes)}"
    return _Memory("sram", "sram_bytes", bank_bytes, bank_bytes, banks, fields["ports"], width, text)


def _by_size(
    rows: Sequence[Row], key: str, memory: _Memory, table: Table, technology: float | None
) -> tuple[float, str, list[Row]]:
    """Return the energy of one access on the line through the rows around its size."""
    log = memory.kind == "sram"
    used = _around(rows, memory, table)
    scaled = [
        at_technology(
            getattr(row, key),
            technology,
            _sram_reference(float(row.key)) if log else {},
            f"a {memory.kind} of {table.name}",
        )
        for row in used
    ]
    points = {float(row.key): one.value for row, one in zip(used, scaled, strict=True)}
    energy = _line(points, memory.size, log)
    stated = [_at_size(row, one, table) for row, one in zip(used, scaled, strict=True)]
    how = " and ".join(stated) + f" per {used[0].bits} bit"
    if len(used) > 1:
        inside = min(points) <= memory.size <= max(points)
        how += f", {'log' if log else 'linear'} {'interpolation' if inside else 'extrapolation'}"
    for one in dict.fromkeys(one.how for one in scaled if one.how):
        how += f", {one}"
    return energy, how, list(used)


def _around(rows: Sequence[Row], memory: _Memory, table: Table) -> Sequence[Row]:
    """Return the row of that size, or the two rows whose line leads to it."""
    sizes = [float(row.key) for row in rows]
    for row in rows:
        if row.key == memory.size:
            return [row]
    low, high = sizes[0], sizes[-1]
    if len(rows) == 1 or not low / BEYOND <= memory.size <= high * BEYOND:
        raise Refused("bits", _out_of_reach(sizes, memory, table))
    above = next((i for i, size in enumerate(sizes) if size > memory.size), len(rows) - 1)
    above = max(above, 1)
    return rows[above - 1 : above + 1]


def _line(points: Mapping[float, float], at: float, log: bool) -> float:
    if at in points:
        return points[at]
    low, high = min(points), max(points)
    if not log:
        return points[low] + (points[high] - points[low]) * (at - low) / (high - low)
    if low < at < high:
        return log_line(points, at)
    # The same line, prolonged.
    share = math.log(at / low) / math.log(high / low)
    return points[low] * math.pow(points[high] / points[low], share)


def _sram_reference(size: float) -> dict[float, float]:
    """Return the energies of an SRAM of `size` bytes in the table that scales, by technology."""
    rows = tables.load(SCALES).of("sram_bytes")
    sizes = [float(row.key) for row in rows]
    if not sizes[0] <= size <= sizes[-1]:
        return {}
    return {node: log_line({float(row.key): row.read[node] for row in rows}, size) for node in rows[0].read}


def _words_per_access(width: int, word_bits: int) -> tuple[float, str]:
    if word_bits > width:
        accesses = -(-word_bits // width)
        return 1 / accesses, f", {accesses} accesses for a word of {word_bits} bits"
    words = width // word_bits
    return words, "" if words == 1 else f", / {words} words of {word_bits} bits in it"


def _memory_area(table: Table, memory: _Memory, technology: float | None) -> Priced:
    storage = table.of("storage_bytes")
    squared = memory.ports**2
    ports = (
        f"; x {squared} for {memory.ports} ports (as much wider and higher; derived)" if squared > 1 else ""
    )
    if storage:
        per_byte, how = _storage_per_byte(storage, memory.bank_bytes)
        area = per_byte * memory.bank_bytes * memory.banks * squared
        unit = table.area_unit
        text = f"{memory.text}, {table.name}: {per_byte:.4g} {unit} per byte, {how}{ports}"
        return {"area": (area, f"{text}. {_stated_by(storage[:1], area=True)}")}
    if memory.kind != "sram" or technology is None:
        return {}
    source = tables.load(table.sram_area)
    rows = [row for row in source.of("sram_bytes") if row.area]
    if not rows:
        return {}
    sizes = [float(row.key) for row in rows]
    factor = area_factor(next(iter(rows[0].area)), technology)
    if factor is None or not sizes[0] / BEYOND <= memory.size <= sizes[-1] * BEYOND:
        return {}
    used = _around(rows, memory, source)
    node = next(iter(used[0].area))
    points = {float(row.key): row.area[node] for row in used}
    area = _line(points, memory.size, log=True) * factor * memory.banks * squared
    stated = " and ".join(f"{value:.4g} mm2 at {_bytes(size)}" for size, value in points.items())
    text = f"{memory.text}, {source.name}: {stated}"
    if len(used) > 1:
        inside = min(points) <= memory.size <= max(points)
        text += f", log {'interpolation' if inside else 'extrapolation'}"
    text += f"{_area_scaled(node, technology, factor)}{ports}"
    return {"area_mm2": (area, f"{text}. {_stated_by(used, area=True)}")}


def _storage_per_byte(rows: Sequence[Row], size: float) -> tuple[float, str]:
    points = {float(row.key): row.area[0.0] for row in rows}
    low, high = min(points), max(points)
    if not low < size < high:
        at = low if size <= low else high
        return points[at], f"as at {_bytes(at)}"
    if size in points:
        return points[size], f"at {_bytes(size)}"
    below = max(x for x in points if x < size)
    above = min(x for x in points if x > size)
    near = {below: points[below], above: points[above]}
    return _line(near, size, log=False), f"linear between {_bytes(below)} and {_bytes(above)}"


def _dram(table: Table, fields: Mapping[str, Any], setting: Setting, technology: float | None) -> Priced:
    types = [str(row.key) for row in table.of("dram")]
    wanted = fields["type"]
    if not types:
        raise Refused("table", _has_no(table, "dram"))
    if wanted is None and len(types) > 1:
        raise Refused("type", f"missing; state which, one of {', '.join(types)}")
    if wanted is not None and wanted not in types:
        raise Refused("type", f"{table.name} has no {wanted!r}; {nearest_key(wanted, types)}")
    row = table.row("dram", wanted or types[0])
    assert row is not None
    energy = row.read[0.0]
    name = "DRAM" if row.key == "unstated" else f"DRAM {row.key}"
    text = f"{name}, {table.name}: {_said(energy, row, table, '')}"
    if row.bits is not None:
        text += f" per {_width(row.bits)}, x {setting.word_bits} / {row.bits} for a word"
        energy *= setting.word_bits / row.bits
    source = f"{text}; no technology of the chip changes it. {_stated_by([row])}"
    return {"read_energy": (energy, source), "write_energy": (energy, source)}


def _mac(table: Table, fields: Mapping[str, Any], setting: Setting, technology: float | None) -> Priced:
    whole = table.row("operation", "mac")
    precision = fields["precision"]
    if whole is not None:
        operations = ["mac"]
    else:
        wide = fields["accumulate_bits"]
        total = precision
        if precision.startswith("int"):
            total = f"int{wide or 32}"
        elif wide is not None and wide != int(precision.lstrip("bfp")):
            total = f"fp{wide}"
        operations = [f"mul_{precision}", f"add_{total}"]
    energy, area, parts, used, spots = 0.0, 0.0, [], [], []
    for operation in operations:
        row = table.row("operation", operation)
        if row is None:
            known = ", ".join(str(one.key) for one in table.of("operation"))
            raise Refused("table", f"{table.name} has no {operation}; it has {known or 'no operation'}")
        scaled = at_technology(
            row.read, technology, _operation_reference(operation), f"{operation} of {table.name}"
        )
        energy += scaled.value
        parts.append(f"{operation} {_said(scaled.stated, row, table, scaled.how)}")
        spots.append(_area_at(row, technology))
        used.append(row)
    head = f"{precision} MAC, {table.name}"
    priced = {"energy": (energy, f"{head}: {' + '.join(parts)}. {_stated_by(used)}")}
    known_areas = [spot for spot in spots if spot is not None]
    if len(known_areas) == len(spots):
        area = sum(value for value, _ in known_areas)
        how = "; ".join(dict.fromkeys(text for _, text in known_areas))
        text = f"{head}: the area of {' + '.join(operations)}{how}. {_stated_by(used, area=True)}"
        priced["area_mm2" if table.area_unit == "mm2" else "area"] = area, text
    return priced


def _operation_reference(operation: str) -> Mapping[float, float]:
    row = tables.load(SCALES).row("operation", operation)
    return {} if row is None else row.read


def _area_at(row: Row, technology: float | None) -> tuple[float, str] | None:
    if 0.0 in row.area:
        return row.area[0.0], ""
    if not row.area or technology is None:
        return None
    node, area = next(iter(row.area.items()))
    factor = area_factor(node, technology)
    return None if factor is None else (area * factor, _area_scaled(node, technology, factor))


def _area_scaled(source: float, target: float, factor: float) -> str:
    if source == target:
        return f", at {nanometres(source)} nm"
    ends = f"{nanometres(source)} -> {nanometres(target)} nm"
    return f", scaled {ends} by {factor:.4g} (Stillmaker and Baas)"


def _wire(table: Table, fields: Mapping[str, Any], setting: Setting, technology: float | None) -> Priced:
    length, bits = fields["length_mm"], fields["word_bits"] or setting.word_bits
    flat = table.row("wire", tables.ANY)
    head = f"wire of {length:g} mm for {bits} bits, {table.name}"
    if flat is not None:
        priced = {
            "energy": (flat.read[0.0], f"{head}: {_said(flat.read[0.0], flat, table, '')}. {flat.source}")
        }
        if 0.0 in flat.area:
            priced["area"] = flat.area[0.0], f"{head}. {flat.area_source}"
        return priced
    rows = table.of("wire_mm")
    if not rows:
        raise Refused("table", _has_no(table, "wire"))
    scaled = [at_technology(row.read, technology, {}, f"a wire of {table.name}") for row in rows]
    points = {0.0: 0.0} | {float(row.key): one.value for row, one in zip(rows, scaled, strict=True)}
    lengths = sorted(points)
    above = next((x for x in lengths if x >= length), lengths[-1])
    below = max(x for x in lengths if x < above)
    width = rows[0].bits or 1
    energy = _line({below: points[below], above: points[above]}, length, log=False) * bits / width
    stated = " and ".join(
        f"{one.stated:.4g} {table.energy_unit} at {row.key:g} mm"
        for row, one in zip(rows, scaled, strict=True)
    )
    text = f"{head}: {stated} per {_width(width)}, linear from 0 at 0 mm, {scaled[0].how}, x {bits} / {width}"
    return {"energy": (energy, f"{text}. {_stated_by(rows)}")}


def _said(energy: float, row: Row, table: Table, how: str) -> str:
    text = f"{energy:.4g} {table.energy_unit}"
    if row.band is not None:
        text += f" (the middle of {row.band[0]:g} to {row.band[1]:g})"
    return f"{text} {how}".rstrip()


def _width(bits: int) -> str:
    return "bit" if bits == 1 else f"{bits} bit"


def _at_size(row: Row, scaled: Scaled, table: Table) -> str:
    size = _bytes(float(row.key)) if row.quantity == "sram_bytes" else f"{row.key:g} words"
    return f"{scaled.stated:.4g} {table.energy_unit} at {size}"


def _stated_by(rows: Sequence[Row], area: bool = False) -> str:
    return "; ".join(dict.fromkeys(row.area_source if area else row.source for row in rows))


def _has_no(table: Table, kind: str) -> str:
    priced = {
        "sram": ("sram", "sram_bytes"),
        "regfile": ("regfile", "regfile_words"),
        "wire": ("wire", "wire_mm"),
    }
    quantities = priced.get(kind, (kind,))
    having = [
        name
        for name in tables.names()
        if any(row.read and row.quantity in quantities for row in tables.load(name).rows)
    ]
    return f"{table.name} has no {kind}; these have: {', '.join(having)}"


def _out_of_reach(sizes: Sequence[float], memory: _Memory, table: Table) -> str:
    sram = memory.kind == "sram"

    def show(size: float) -> str:
        return _bytes(size) if sram else f"{size:.4g} words"

    what = f"{table.name} has {memory.kind}s of {show(sizes[0])}"
    if len(sizes) == 1:
        return f"{what} only, not of {show(memory.size)}; choose another table"
    reach = f"from {show(sizes[0] / BEYOND)} to {show(sizes[-1] * BEYOND)}"
    advice = "state banks, or choose another table" if sram else "choose another table or kind: sram"
    return f"{what} to {show(sizes[-1])}, taken {reach}; {show(memory.size)} is out of reach: {advice}"


def _bytes(size: float) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size:.4g} B"


KINDS: dict[str, Callable[[Table, Mapping[str, Any], Setting, float | None], Priced]] = {
    "sram": _memory,
    "regfile": _memory,
    "dram": _dram,
    "mac": _mac,
    "wire": _wire,
}
"""How each kind is priced; `Refused` where a table does not lead there."""

"""A block drawing of a chip, as SVG: boxes for memories and what they keep, frames for arrays, the MAC.

Coloured lines are what a mapping that bypasses nothing sends: from each memory that keeps a tensor to the
next one that does, and on to the MACs. A line down the left margin passes a memory by.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from dnnaccel.arch import Array, Chip, Memory

COLOURS = {"inputs": "#2563a8", "weights": "#c2570c", "outputs": "#2f7d32"}
INK, FAINT, PAPER = "#1f2430", "#5d6675", "#ffffff"
MEMORY, FRAME = "#f4f6fa", "#9aa4b5"
WIDTH = 760
BOX, GAP, PAD, LANES = 84, 30, 16, 36
HEAD = 62
LINE = 15


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    def anchor(self, role: str) -> float:
        """Where the line of a tensor meets the box, from the left."""
        return self.x + self.width * (0.3 + 0.2 * list(COLOURS).index(role))


def rows_of(chip: Chip) -> list[Array | list[Memory]]:
    """Return the levels as they are drawn: memories of different tensors side by side, then an array, ..."""
    rows: list[Array | list[Memory]] = []
    for level in chip.levels:
        last = rows[-1] if rows else None
        if isinstance(level, Array):
            rows.append(level)
        elif isinstance(last, list) and not set(level.keeps) & {role for m in last for role in m.keeps}:
            last.append(level)
        else:
            rows.append([level])
    return rows


def draw(chip: Chip) -> str:
    """Return the drawing of `chip` as the text of an SVG file."""
    return _Drawing(chip).text()


class _Drawing:
    """What is drawn so far: frames below, then lines, then boxes and words."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.frames: list[str] = []
        self.lines: list[str] = []
        self.boxes: list[str] = []
        depth = len(chip.arrays)
        self.left = 14 + depth * PAD + LANES
        self.right = WIDTH - 14 - depth * PAD
        # Where each tensor was last kept: that box and its row.
        self.homes: dict[str, tuple[Box, int]] = {}
        y = 14.0
        opened: list[tuple[Array, float]] = []
        for row, item in enumerate(rows_of(chip)):
            if isinstance(item, Array):
                self.head(item, y)
                opened.append((item, y))
                y += HEAD + GAP
            else:
                self.memories(item, y, row)
                y += BOX + GAP
        y = self.mac(y, len(rows_of(chip)))
        for nesting, (array, top) in reversed(list(enumerate(opened))):
            y += PAD
            self.frame(array, top, y, nesting)
        self.height = y + 14

    def text(self) -> str:
        """Return the SVG."""
        title = escape(f"{self.chip.name}: {self.chip.title}")
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height:g}" '
                f'width="{WIDTH}" height="{self.height:g}" font-family="Helvetica, Arial, sans-serif">',
                f"<title>{title}</title>",
                f'<rect width="{WIDTH}" height="{self.height:g}" fill="{PAPER}"/>',
                *reversed(self.frames),
                *self.lines,
                *self.boxes,
                "</svg>",
                "",
            ]
        )

    def word(self, x: float, y: float, text: str, *, bold: bool = False, colour: str = INK) -> None:
        """Write one line of text; its left end is at x."""
        weight = ' font-weight="bold"' if bold else ""
        size = 12.5 if bold else 11
        self.boxes.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}"{weight}>{escape(text)}</text>'
        )

    def rect(self, box: Box, fill: str, stroke: str) -> str:
        """A rounded rectangle."""
        return (
            f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="5" '
            f'fill="{fill}" stroke="{stroke}"/>'
        )

    def memories(self, group: list[Memory], y: float, row: int) -> None:
        """Draw memories side by side."""
        space = 12.0
        width = (self.right - self.left - space * (len(group) - 1)) / len(group)
        for i, memory in enumerate(group):
            box = Box(self.left + i * (width + space), y, width, BOX)
            self.boxes.append(self.rect(box, MEMORY, INK))
            self.word(box.x + 9, y + 18, memory.name, bold=True)
            self.tags(box, memory)
            for line, text in enumerate(_facts(memory, self.chip)):
                self.word(box.x + 9, y + 35 + line * LINE, text, colour=INK if line == 0 else FAINT)
            for role in memory.keeps:
                self.connect(role, box, row)
                self.homes[role] = (box, row)

    def tags(self, box: Box, memory: Memory) -> None:
        """Draw a tag for each tensor kept, at the upper right."""
        x = box.x + box.width - 8
        for role in reversed(memory.keeps):
            x -= 15
            self.boxes.append(
                f'<rect x="{x:g}" y="{box.y + 7:g}" width="14" height="14" rx="3" fill="{COLOURS[role]}"/>'
                f'<text x="{x + 7:g}" y="{box.y + 17.5:g}" font-size="10" fill="{PAPER}" '
                f'text-anchor="middle" font-weight="bold">{role[0].upper()}</text>'
            )

    def connect(self, role: str, box: Box, row: int) -> None:
        """Draw the line of a tensor from where it was kept last."""
        if role not in self.homes:
            return
        home, home_row = self.homes[role]
        start, end = home.anchor(role), box.anchor(role)
        top, bottom = home.y + home.height, box.y
        rows = rows_of(self.chip)[home_row + 1 : row]
        offset = 4.0 * list(COLOURS).index(role)
        if any(isinstance(between, list) for between in rows):
            lane = self.left - 24 + 8 * list(COLOURS).index(role)
            points = [(start, top), (start, top + 7 + offset), (lane, top + 7 + offset)]
            points += [(lane, bottom - 15 + offset), (end, bottom - 15 + offset), (end, bottom)]
        else:
            turn = bottom - 15 + offset
            points = [(start, top), (start, turn), (end, turn), (end, bottom)]
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self.lines.append(
            f'<polyline points="{path}" fill="none" stroke="{COLOURS[role]}" stroke-width="1.8"/>'
        )

    def head(self, array: Array, y: float) -> None:
        """Write what an array is and how its network works, beside a small grid of its shape."""
        size = 44
        rows, columns = min(array.rows, 12), min(array.columns, 12)
        step = size / max(rows, columns)
        x, top = self.left, y + 10
        for i in range(rows):
            for j in range(columns):
                self.boxes.append(
                    f'<rect x="{x + j * step:.1f}" y="{top + i * step:.1f}" width="{step * 0.78:.1f}" '
                    f'height="{step * 0.78:.1f}" fill="{FRAME}"/>'
                )
        shape = f"{array.rows} x {array.columns} = {array.instances:,}" if array.instances > 1 else "one link"
        said = [f"{array.name}: {shape}", *_network(array, self.chip.energy_unit)]
        for line, text in enumerate(said):
            below = y + 20 + line * 14
            # On paper, so that the lines that cross the head leave it readable.
            paper = Box(x + 54, below - 11, len(text) * (7.2 if line == 0 else 5.7) + 8, 15)
            self.boxes.append(self.rect(paper, PAPER, PAPER))
            self.word(x + 58, below, text, bold=line == 0, colour=INK if line == 0 else FAINT)

    def frame(self, array: Array, top: float, bottom: float, nesting: int) -> None:
        """Draw the frame of an array, with others behind it."""
        x = 14 + nesting * PAD
        box = Box(x, top, WIDTH - 2 * x, bottom - top)
        behind = [Box(x + 6, top + 6, box.width, box.height), Box(x + 3, top + 3, box.width, box.height)]
        shown = behind if array.instances > 1 else []
        drawn = [self.rect(one, PAPER, FRAME) for one in [*shown, box]]
        self.frames.append("\n".join(drawn))

    def mac(self, y: float, row: int) -> float:
        """Draw the multiply-accumulate unit; returns where it ends."""
        mac, unit = self.chip.mac, self.chip.energy_unit
        facts = [f"{mac.energy:.3g} {unit}"]
        facts += [f"zeros of {' and '.join(mac.gates)} save its energy"] if mac.gates else []
        facts += [f"zeros of {' and '.join(mac.skips)} are skipped"] if mac.skips else []
        box = Box(self.left, y, self.right - self.left, 32)
        self.boxes.append(self.rect(box, "#fdf3d8", INK))
        self.word(box.x + 9, y + 20, "MAC", bold=True)
        self.word(box.x + 50, y + 20, ", ".join(facts), colour=FAINT)
        for role in COLOURS:
            self.connect(role, box, row)
        return y + 32


def _size(size: int) -> str:
    for name, factor in (("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:.4g} {name}"
    return f"{size} B"


def _facts(memory: Memory, chip: Chip) -> list[str]:
    size = "unlimited"
    if memory.size_bytes is not None:
        size = f"{_size(memory.size_bytes)} = {memory.capacity_words:,} x {memory.word_bits} b"
    energy = f"R {memory.read_energy:.3g}, W {memory.write_energy:.3g} {chip.energy_unit} a word"
    rates = []
    if memory.bytes_per_cycle is not None:
        rates.append(f"{memory.bytes_per_cycle:.3g}")
    if memory.read_bytes_per_cycle is not None:
        rates.append(f"R {memory.read_bytes_per_cycle:.3g}")
    if memory.write_bytes_per_cycle is not None:
        rates.append(f"W {memory.write_bytes_per_cycle:.3g}")
    last = [f"{', '.join(rates)} B/cycle"] if rates else []
    formats = sorted(set(memory.formats.values()))
    extra = [f"in {', '.join(formats)}"] if formats else []
    extra += ["gated"] if memory.gated_by else []
    return [size, energy, *([", ".join([*last, *extra])] if last or extra else [])]


def _network(array: Array, unit: str) -> list[str]:
    def dims(value: str | tuple[str, ...]) -> str:
        return value if isinstance(value, str) else " ".join(value)

    facts = [f"multicast {dims(array.multicast)}, sums meet over {dims(array.reduce)}"]
    if array.forwards:
        facts[0] += f", neighbours hand on {' and '.join(array.forwards)}"
    more = []
    if array.energy:
        more.append(f"{array.energy:.3g} {unit} a word")
    if array.words_per_cycle:
        rates = ", ".join(f"{role} {rate:.3g}" for role, rate in array.words_per_cycle.items())
        more.append(f"words a cycle into each: {rates}")
    return [*facts, "; ".join(more)] if more else facts

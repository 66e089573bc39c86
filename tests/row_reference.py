"""The row-stationary array as a machine that is stepped cycle by cycle: slow, obvious, and the reference.

The core works out when each event happens; here nothing is worked out. Every cycle, every bus moves what it
can, every adder adds what is there, every element shifts or multiplies, and what they find depends on nothing
but the state. Only cycles are compared: values and counts have references of their own (row_cases.py and the
closed form). Left out: sums that stay in an element from one pass to the next, or in one that idles.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from row_cases import RowCase

Chunk = dict[str, tuple[int, int]]  # dim to first index and size
Word = tuple[int, ...]


class LeftOut(Exception):
    """This case has something that the reference does not know."""


@dataclass
class Element:
    """One processing element, with the state of its window, its burst and its adder."""

    chunk: Chunk
    burst: list[tuple[int, int, int]] = field(default_factory=list)  # the MACs: channel, tap, filter
    window: set[Word] = field(default_factory=set)
    filters: set[Word] = field(default_factory=set)
    ready: int = 0  # filters are there from this cycle on
    to_shift: deque[tuple[int, Word]] = field(default_factory=deque)  # when they come is in `arrived`
    arrived: dict[tuple[int, Word], int] = field(default_factory=dict)  # by step and word
    places: int = 0  # words of windows in scratchpad and FIFO
    freed: list[int] = field(default_factory=list)  # the cycles in which a place was left
    step: int = 0
    mac: int = 0
    begun: int = 0
    gone: int = 0  # sums that the next element, or the bus, has taken
    done: deque[int] = field(default_factory=deque)  # sums that wait for the adder: when they were done
    pending: dict[int, int] = field(default_factory=dict)  # the step's own sums, done out of order
    below: deque[int] = field(default_factory=deque)  # sums from below: from when on they are there
    added_in: int = -1
    seeds_on_way: int = 0
    adding: int = 0  # sums still to add before the next burst, where the adder is shared


@dataclass(frozen=True)
class Timing:
    """As the core's."""

    input_fifo: int
    sum_fifo: int
    pipeline: int
    shift: bool
    shared_adder: bool


def cut(chunk: Chunk, dim: str, step: int, piece: int) -> Chunk | None:
    """Return a piece of a chunk, or None if it is empty."""
    first, size = chunk[dim]
    here = min(step, size - piece * step)
    return None if here <= 0 else {**chunk, dim: (first + piece * step, here)}


def positions(chunk: Chunk, loops: list[tuple[str, int]]) -> Iterator[Chunk]:
    """Every position of some loops, in their order."""
    if not loops:
        yield chunk
        return
    (dim, step), inner = loops[0], loops[1:]
    piece = 0
    while (here := cut(chunk, dim, step, piece)) is not None:
        yield from positions(here, inner)
        piece += 1


class Machine:
    """The array, its buses, and one nest."""

    def __init__(self, case: RowCase, timing: Timing) -> None:
        self.case, self.timing = case, timing
        self.inner = [(dim, step) for dim, step, _ in case.loops["outputs"]]
        outside = [loop for level in ("dram", "glb", "filter_buffer") for loop in case.loops[level]]
        extents = dict(case.problem.bounds)
        self.outside: list[tuple[str, int]] = []
        for dim, step, _ in outside:
            if step < extents[dim]:
                self.outside.append((dim, step))
                extents[dim] = step
        slide = len(self.outside)
        while slide and self.outside[slide - 1][0] in "NQ":
            slide -= 1
        self.passes, self.slide = self.outside[:slide], self.outside[slide:]
        spread = [(dim, step) for dim, step, _ in case.loops["array"] if step < extents[dim]]
        self.pieces: list[tuple[tuple[str, int], ...]] = [()]
        for dim, step in spread:
            trips = -(-extents[dim] // step)
            extents[dim] = step
            self.pieces = [(*piece, (dim, k * step)) for piece in self.pieces for k in range(trips)]
        self.spread = spread
        spare = case.spare_words
        taps = extents["C"] * extents["S"]
        self.window_places = 10**9 if spare is None else taps + spare + timing.input_fifo
        self.sum_places = 10**9 if spare is None else extents["M"] + spare + timing.sum_fifo
        self.held: dict[int, tuple[set[Word], set[Word]]] = {}
        self.now = 0

    def run(self) -> int:
        """Return the cycles of the whole nest."""
        whole = {dim: (0, bound) for dim, bound in self.case.problem.bounds.items()}
        all_passes = list(positions(whole, self.passes))
        for i, chunk in enumerate(all_passes):
            steps = list(positions(chunk, self.slide))
            if i + 1 < len(all_passes):
                following = next(iter(positions(all_passes[i + 1], self.slide)))
                if all(steps[-1][dim] == following[dim] for dim in "NGMPQ"):
                    raise LeftOut
            self.now = Pass(self, steps).run()
        return self.now

    def workers(self, chunk: Chunk) -> dict[int, Chunk]:
        """Return which elements work, and on what."""
        found: dict[int, Chunk] = {}
        for who, pieces in enumerate(self.pieces):
            here: Chunk | None = chunk
            for (dim, step), (_, start) in zip(self.spread, pieces, strict=True):
                here = here and cut(here, dim, step, start // step)
            if here is not None:
                found[who] = here
        return found


class Pass:
    """One pass, cycle by cycle."""

    def __init__(self, machine: Machine, steps: list[Chunk]) -> None:
        self.machine, self.steps, self.timing = machine, steps, machine.timing
        chunks = machine.workers(steps[0])
        if machine.held and set(machine.held) != set(chunks):
            raise LeftOut
        self.begin = self.now = machine.now
        self.elements = {who: Element(chunk=chunk) for who, chunk in chunks.items()}
        self.begun_before = any(steps[0][dim][0] > 0 for dim in "CRS")
        self.filter_words: deque[tuple[list[int], int]] = deque()
        self.input_words: deque[tuple[int, Word, list[int]]] = deque()
        self.chains: dict[Word, list[int]] = {}
        self.sums_in: deque[int] = deque()  # heads of chains, a word each
        self.sums_out: deque[int] = deque()  # tops of chains
        self.out_ready: dict[int, deque[int]] = {}
        self.end = self.begin
        self.set_up()

    def set_up(self) -> None:
        """Find out who lacks what, and in which order everything crosses."""
        filters: dict[Word, list[int]] = {}
        for who, element in self.elements.items():
            element.ready = self.begin
            chunk = element.chunk
            element.burst = [
                (at["C"][0] - chunk["C"][0], at["S"][0] - chunk["S"][0], at["M"][0] - chunk["M"][0])
                for at in positions(chunk, self.machine.inner)
            ]
            window, held = self.machine.held.get(who, (set(), set()))
            element.window = window
            element.filters = set(words(chunk, "GMCRS"))
            if element.filters != held:
                filters.setdefault(words(chunk, "GMCRS")[0], []).append(who)
            self.chains.setdefault(words(chunk, "GMP")[0], []).append(who)
        for group in filters.values():
            for left in reversed(range(len(self.elements[group[0]].filters))):
                self.filter_words.append((group, left))
        self.order_inputs()
        widths = self.machine.case.words_per_cycle[2]
        packet = 64 if widths is None else min(int(widths), 64)
        for _ in self.steps:
            most = max(self.elements[chain[0]].chunk["M"][1] for chain in self.chains.values())
            for first in range(0, most, packet):
                for chain in self.chains.values():
                    size = self.elements[chain[0]].chunk["M"][1]
                    for _ in range(first, min(first + packet, size)):
                        self.sums_out.append(chain[-1])
                        if self.begun_before:
                            self.sums_in.append(chain[0])
        self.out_ready = {chain[-1]: deque() for chain in self.chains.values()}

    def row_word(self, element: Element, step: Chunk, channel: int, tap: int) -> Word:
        case, chunk = self.machine.case, element.chunk
        row = chunk["P"][0] * case.stride[0] + chunk["R"][0] * case.dilation[0]
        column = step["Q"][0] * case.stride[1] + (step["S"][0] + tap) * case.dilation[1]
        return step["N"][0], chunk["G"][0], chunk["C"][0] + channel, row, column

    def order_inputs(self) -> None:
        """Words in the order of the first element's burst; of each, one input row after the other."""
        order = list(dict.fromkeys((c, s) for c, s, _ in next(iter(self.elements.values())).burst))
        for i, step in enumerate(self.steps):
            groups: dict[Word, list[int]] = {}
            for who, element in self.elements.items():
                word = self.row_word(element, step, 0, 0)
                groups.setdefault(word[1:4], []).append(who)
            wanted: dict[int, set[Word]] = {who: set() for who in self.elements}
            for channel, tap in order:
                for group in groups.values():
                    if channel >= self.elements[group[0]].chunk["C"][1]:
                        continue
                    word = self.row_word(self.elements[group[0]], step, channel, tap)
                    lacking = [who for who in group if word not in self.elements[who].window]
                    for who in group:
                        wanted[who].add(word)
                    for who in lacking:
                        self.elements[who].to_shift.append((i, word))
                    if lacking:
                        self.input_words.append((i, word, lacking))
            for who, element in self.elements.items():
                if i == 0:
                    element.places = len(wanted[who] & element.window)
                element.window = wanted[who]

    def run(self) -> int:
        """Return the cycle after the last."""
        while not self.over():
            self.move_sums()
            self.load_filters()
            self.send_inputs()
            for element in self.elements.values():
                self.work(element)
            self.now += 1
            if self.now > self.begin + 10**6:
                raise AssertionError("the machine stands still")
        for who, element in self.elements.items():
            self.machine.held[who] = (element.window, element.filters)
        return self.end

    def over(self) -> bool:
        return not self.sums_out and all(
            element.step == len(self.steps) and not element.adding for element in self.elements.values()
        )

    def width(self, role: int) -> int:
        width = self.machine.case.words_per_cycle[role]
        return 10**9 if width is None else int(width)

    def load_filters(self) -> None:
        for _ in range(min(self.width(1), len(self.filter_words))):
            group, left = self.filter_words.popleft()
            for who in group:
                self.elements[who].ready = self.now + 1 if left == 0 else 10**9
        for group, _ in self.filter_words:
            for who in group:
                self.elements[who].ready = 10**9

    def send_inputs(self) -> None:
        for _ in range(min(self.width(0), len(self.input_words))):
            step, word, receivers = self.input_words[0]
            for who in receivers:
                element = self.elements[who]
                free = sum(cycle < self.now for cycle in element.freed)
                if element.places - free >= self.machine.window_places:
                    return
            for who in receivers:
                self.elements[who].places += 1
                self.elements[who].arrived[step, word] = self.now + 1
            self.input_words.popleft()

    def move_sums(self) -> None:
        """Adders first, bottom up, then the buses that feed and empty the columns."""
        pipeline = self.timing.pipeline
        for chain in self.chains.values():
            for i, who in enumerate(chain):
                element = self.elements[who]
                if not element.done or max(element.done[0] + pipeline, element.added_in + 1) > self.now:
                    continue
                needs_below = i > 0 or self.begun_before
                if needs_below and (not element.below or element.below[0] > self.now):
                    continue
                element.done.popleft()
                element.added_in = self.now
                if needs_below:
                    element.below.popleft()
                if i > 0:
                    self.elements[chain[i - 1]].gone += 1
                elif self.begun_before:
                    element.seeds_on_way -= 1
                if self.timing.shared_adder:
                    element.adding -= 1
                    element.ready = self.now + 1
                if who == chain[-1]:
                    self.out_ready[who].append(self.now + 1)
                else:
                    self.elements[chain[i + 1]].below.append(self.now + 1)
        self.cross_sums()

    def cross_sums(self) -> None:
        fifo = max(self.timing.sum_fifo, 1)
        for _ in range(min(self.width(2), len(self.sums_in))):
            head = self.elements[self.sums_in[0]]
            if head.seeds_on_way >= fifo:
                break
            head.seeds_on_way += 1
            head.below.append(self.now + 1)
            self.sums_in.popleft()
        for _ in range(min(self.width(2), len(self.sums_out))):
            ready = self.out_ready[self.sums_out[0]]
            if not ready or ready[0] > self.now:
                break
            ready.popleft()
            self.elements[self.sums_out.popleft()].gone += 1
            self.end = max(self.end, self.now + 1)

    def work(self, element: Element) -> None:
        """Shift a word in, or issue a MAC, or wait."""
        if element.step == len(self.steps) or element.adding:
            return
        if self.timing.shift and element.to_shift and element.to_shift[0][0] == element.step:
            # The first window fills while the filters are loaded.
            if (element.step == 0 or element.ready <= self.now) and self.here(element, element.to_shift[0]):
                element.to_shift.popleft()
            return
        if element.ready > self.now:
            return
        channel, tap, filter_ = element.burst[element.mac]
        step = self.steps[element.step]
        word = self.row_word(element, step, channel, tap)
        comes = (element.step, word)
        if not self.timing.shift and comes in element.to_shift and not self.here(element, comes):
            return
        sums = [at[2] for at in element.burst]
        if element.mac == sums.index(filter_):
            number = element.step * element.chunk["M"][1] + filter_
            if number - element.gone >= self.machine.sum_places:
                return
        self.issue(element, word, filter_, sums)

    def here(self, element: Element, word: tuple[int, Word]) -> bool:
        return element.arrived.get(word, 10**9) <= self.now

    def issue(self, element: Element, word: Word, filter_: int, sums: list[int]) -> None:
        here, later = element.burst[element.mac][:2], element.burst[element.mac + 1 :]
        if all(here != (channel, tap) for channel, tap, _ in later) and element.step + 1 < len(self.steps):
            following = self.steps[element.step + 1]
            if word not in {self.row_word(element, following, *mac[:2]) for mac in element.burst}:
                element.freed.append(self.now)
        if filter_ not in sums[element.mac + 1 :]:
            element.pending[filter_] = self.now
        self.pass_on(element)
        element.mac += 1
        if element.mac == len(element.burst):
            element.mac = 0
            element.step += 1
            self.end = max(self.end, self.now + 1)
            if self.timing.shared_adder:
                # All products first: then one sum a cycle is the adder's.
                size = element.chunk["M"][1]
                element.adding = size
                element.done.extend(self.now + 1 + m for m in range(size))
                element.pending.clear()

    def pass_on(self, element: Element) -> None:
        """Sums go up in the order of their filters."""
        if self.timing.shared_adder:
            return
        while (number := element.begun % element.chunk["M"][1]) in element.pending:
            element.done.append(element.pending.pop(number))
            element.begun += 1


def words(chunk: Chunk, dims: str) -> list[Word]:
    """Return every index of some dims."""
    found: list[Word] = [()]
    for dim in dims:
        first, size = chunk[dim]
        found = [(*word, first + k) for word in found for k in range(size)]
    return found

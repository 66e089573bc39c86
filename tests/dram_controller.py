"""The controller of one channel said plainly: every cycle looks at every burst that waits. Slow.

The gates are the core's, which tests/python/test_dram_rules.py holds against the data sheets' rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from dnnaccel import _core
from dnnaccel.dram import Command, Dram


@dataclass
class Burst:
    """One burst of a request, in the order of the stream."""

    order: int
    arrival: int
    write: bool
    bank: int
    row: int


@dataclass
class Controller:
    """First ready, first come, first served, one direction at a time, refreshed when it is due."""

    dram: Dram
    window: int
    batch: int
    max_hits: int
    closed_page: bool

    def run(self, stream: list[Burst]) -> list[Command]:
        """Serve the bursts of one channel; return the commands."""
        self.gates = _core.DramGates(self.dram.lowered())
        self.rows: dict[int, int] = {}
        self.hits: dict[int, int] = {}
        self.waiting: list[Burst] = []
        self.writing = False
        self.batched = 0
        self.due = self.dram.timing.tREFI or None
        self.log: list[Command] = []
        left = list(stream)
        cycle = 0
        while left or self.waiting:
            while True:
                while left and left[0].arrival <= cycle and len(self.waiting) < self.window:
                    self.waiting.append(left.pop(0))
                if not left and not self.waiting:
                    break
                if not self.issue_one(cycle):
                    break
            cycle += 1
        return self.log

    def issue_one(self, cycle: int) -> bool:
        """Issue the best command that may issue in this cycle, if there is one."""
        if self.due is not None and cycle >= self.due:
            kind = "precharge_all" if self.rows else "refresh"
            return self.issue(cycle, kind, 0, 0)
        self.turn()
        for kinds in (("read", "write"), ("activate",), ("precharge",), ("close",)):
            wanted = [(burst, kind) for burst, kind in self.wishes() if kind in kinds]
            for burst, kind in sorted(wanted, key=lambda wish: wish[0].order):
                kind = "precharge" if kind == "close" else kind
                if self.issue(cycle, kind, burst.bank, burst.row if kind != "precharge" else 0):
                    if kind in ("read", "write"):
                        self.waiting.remove(burst)
                        self.batched += 1
                        self.hits[burst.bank] += 1
                    return True
        return False

    def turn(self) -> None:
        here = [burst for burst in self.waiting if burst.write == self.writing]
        there = [burst for burst in self.waiting if burst.write != self.writing]
        if there and (not here or self.batched >= self.batch):
            self.writing = not self.writing
            self.batched = 0

    def wishes(self) -> list[tuple[Burst, str]]:
        """What each bank wants to do next, and for which burst."""
        found = []
        for bank in range(self.dram.organization.banks):
            mine = [burst for burst in self.waiting if burst.bank == bank]
            here = [burst for burst in mine if burst.write == self.writing]
            if bank in self.rows and not mine and self.closed_page:
                found.append((Burst(order=bank, arrival=0, write=False, bank=bank, row=0), "close"))
            if not here:
                continue
            oldest = here[0]
            hits = [burst for burst in here if burst.row == self.rows.get(bank)]
            if bank not in self.rows:
                found.append((oldest, "activate"))
            elif not hits or (oldest is not hits[0] and self.hits[bank] >= self.max_hits):
                found.append((oldest, "precharge"))
            else:
                found.append((hits[0], "write" if self.writing else "read"))
        return found

    def issue(self, cycle: int, kind: str, bank: int, row: int) -> bool:
        if self.gates.earliest(kind, bank)[0] > cycle:
            return False
        self.gates.issue(cycle, kind, bank, row)
        self.log.append(Command(cycle=cycle, channel=0, kind=kind, bank=bank, row=row))
        if kind == "activate":
            self.rows[bank] = row
            self.hits[bank] = 0
        elif kind == "precharge":
            del self.rows[bank]
        elif kind == "precharge_all":
            self.rows.clear()
        elif kind == "refresh":
            assert self.due is not None
            self.due += self.dram.timing.tREFI
        return True

"""Networks x chips x dataflows in one table, with ratios."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from dnnaccel._text import DEFAULT_WIDTH, layout, notes
from dnnaccel.comparing.area import Sized
from dnnaccel.comparing.area import equal_area as same_areas
from dnnaccel.comparing.figures import places_of
from dnnaccel.comparing.layers import LayerComparison, compare_layers
from dnnaccel.comparing.rows import ComparisonRow, Scaled, row_of
from dnnaccel.comparing.tables import KEYS, remarks, tables
from dnnaccel.errors import DnnAccelError
from dnnaccel.mapper import Progress
from dnnaccel.report import Report
from dnnaccel.report.outputs import Outputs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dnnaccel._rows import Row
    from dnnaccel.arch import Chip
    from dnnaccel.dataflow import Dataflow
    from dnnaccel.layers import Layer
    from dnnaccel.network import Network
    from dnnaccel.sparsity import DensityLike

__all__ = ["Comparison", "ComparisonJob", "ComparisonRow", "LayerComparison", "Scaled", "compare"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonJob:
    """What a comparison is of, as `compare` was given it; no dataflows: each chip's own."""

    nets: tuple[Network | Layer, ...]
    chips: tuple[Chip, ...]
    dataflows: tuple[Dataflow, ...]
    objective: str
    density: DensityLike | None
    effort: str
    equal_area: bool | str | Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Outputs):
    """Every combination of networks, chips and dataflows, in the order they were given.

    `job` is what was compared, for pages that can be run again.
    """

    rows: tuple[ComparisonRow, ...]
    job: ComparisonJob | None = field(default=None, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def layers(self, sort: str = "order") -> LayerComparison:
        """Return the layers side by side: energy, cycles and DRAM words, ratios, and which has least.

        `sort` is "order" (as they run), or "energy", "cycles" or "dram_words": by what layers have of it in
        the first column, most first. Raises `UnknownNameError` for another.
        """
        return compare_layers(self.rows, sort)

    def to_text(self, *, width: int = DEFAULT_WIDTH) -> str:
        """Return the tables as plain text for lines of `width` characters; `str()` takes 120."""
        parts = []
        for title, columns in tables(self.rows):
            parts += [notes([title], width=width)] if title else []
            parts.append(layout(columns, width=width, keys=KEYS))
        if said := remarks(self.rows):
            parts.append(notes(said, width=width))
        return "\n\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return every row, with its whole report, as plain numbers, strings, lists and dicts.

        Under "layers" are the layers side by side.
        """
        return {
            "rows": [
                row.to_dict() | {"report": None if row.report is None else row.report.to_dict()}
                for row in self.rows
            ],
            "layers": self.layers().to_rows(),
        }

    def to_rows(self) -> list[Row]:
        """Return one flat row per combination."""
        return [row.to_row() for row in self.rows]

    def to_html(self) -> str:
        """Return a page that needs no other file."""
        from dnnaccel.comparing.page import comparison_page

        return comparison_page(self)

    def plot(
        self,
        kind: str = "energy",
        path: str | os.PathLike[str] | None = None,
        *,
        by: str | None = None,
        width: str | None = None,
    ) -> Figure:
        """Draw one bar for each combination and return the matplotlib figure; `path` saves it.

        `kind` is "energy" (of an inference) or "words" (reads + writes), both `by` "level" or "tensor";
        energy `by` "place" too, which is the same for all chips, and the default where there are several;
        "cycles": computing, and waiting for memory; "dram": words over the outermost memory per MAC; "edp":
        energy x delay; "utilization": what the PEs do. Above each bar stands its ratio to the network's
        first. `path` and `width` are as `Report.plot` takes them, which says what is raised.
        """
        from dnnaccel.report.plots.kind import draw
        from dnnaccel.report.plots.kinds import COMPARISON_KINDS

        return draw(self, COMPARISON_KINDS, kind, path, by=by, width=width)

    def __repr__(self) -> str:
        ran = sum(row.report is not None for row in self.rows)
        return f"<Comparison: {len(self.rows)} combinations, {ran} ran>"

    def _repr_html_(self) -> str:
        from dnnaccel.comparing.page import comparison_fragment

        return comparison_fragment(self)


def compare(
    networks: Network | Layer | str | Iterable[Network | Layer | str],
    chips: Chip | str | os.PathLike[str] | Iterable[Chip | str | os.PathLike[str]],
    dataflows: Dataflow | str | os.PathLike[str] | Iterable[Dataflow | str | os.PathLike[str]] | None = None,
    *,
    objective: str = "energy",
    density: DensityLike | None = None,
    effort: str = "full",
    equal_area: bool | str | Mapping[str, str] = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Simulate every network on every chip under every dataflow.

    A single one is accepted wherever several are, and one layer wherever a network is. `dataflows=None` takes
    each chip's own; `density` and `effort` are those of `simulate`. A combination that cannot run
    (`DataflowError`, `MappingError`) is a row with its reason; any other mistake, such as an unknown name,
    raises its `DnnAccelError` before anything runs.

    `equal_area` gives every chip the area of the first one, within 2 %: True scales the chip's largest memory
    ("glb.size_bytes"), a text is the key to scale on all, a mapping the key by the name of the chip. Chips of
    which the area is not known, or that no value of the key brings there, are rows with their reason. Raises
    `ArchitectureError` if the area of the first is not known. See `dnnaccel.comparing.area`.

    The searches of all combinations share the threads; `progress` is called with searches done, searches in
    all, and what they look for.
    """
    from dnnaccel import arch, dataflow, zoo
    from dnnaccel.simulate import simulate_all

    nets = [zoo.load(x) if isinstance(x, str) else x for x in _several(networks, "network")]
    targets = [x if isinstance(x, arch.Chip) else arch.load(x) for x in _several(chips, "chip")]
    flows = None
    if dataflows is not None:
        flows = [dataflow.get(x) for x in _several(dataflows, "dataflow")]
    sized = [Sized(chip=chip) for chip in targets]
    if equal_area:
        sized = same_areas(targets, None if equal_area is True else equal_area)
    combinations = [
        _Combination(net, number, one, flow)
        for number, net in enumerate(nets)
        for one in sized
        for flow in flows or [dataflow.get(one.chip.dataflow)]
    ]
    found = iter(
        simulate_all(
            [(one.net, one.sized.chip, one.flow) for one in combinations if one.sized.reason is None],
            objective=objective,
            density=density,
            effort=effort,
            threads=threads,
            progress=progress,
        )
    )
    bases: dict[int, Report] = {}
    rows = []
    for one in combinations:
        result = next(found) if one.sized.reason is None else one.sized.reason
        if isinstance(result, Report):
            base = bases.setdefault(one.number, result)
            rows.append(row_of(result, base, **one.labels()))
        else:
            rows.append(ComparisonRow(report=None, reason=str(result), **one.labels()))
    job = ComparisonJob(
        nets=tuple(nets),
        chips=tuple(targets),
        dataflows=tuple(flows or ()),
        objective=objective,
        density=density,
        effort=effort,
        equal_area=equal_area,
    )
    return Comparison(rows=tuple(rows), job=job)


class _Combination(NamedTuple):
    """A network, which of those given it is, a chip as it is compared, and a dataflow."""

    net: Network | Layer
    number: int
    sized: Sized
    flow: Dataflow

    def labels(self) -> dict[str, Any]:
        """Return what a row says of the combination whether it runs or not."""
        chip = self.sized.chip
        return {
            "network": self.net.name,
            "chip": chip.name,
            "dataflow": self.flow.name,
            "network_number": self.number,
            "places": places_of(chip),
            "area": chip.area,
            "area_unit": chip.area_unit,
            "scaled": self.sized.scaled,
        }


def _several(given: Any, what: str) -> list[Any]:
    """Return `given` as a list: a name, a path, a network or a chip by itself is a list of one."""
    one = isinstance(given, (str, os.PathLike)) or hasattr(given, "name") or not isinstance(given, Iterable)
    items = [given] if one else list(given)
    if not items:
        raise DnnAccelError(f"compare needs at least one {what}; the list of {what}s is empty")
    return items

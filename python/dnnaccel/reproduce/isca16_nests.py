"""The six designs of the ISCA 2016 comparison as this package describes them: chips, dataflows, loop nests.

A chip is one of the presets ``eyeriss_isca16_*`` with its array as one line, so that any shape within the
number of PEs can be mapped, as in the paper. A dataflow is what the paper's section IV says of it, as
constraints. A nest is a mapping of the paper's, written as loops.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from dnnaccel import arch
from dnnaccel.dataflow import Dataflow, LevelConstraint
from dnnaccel.reproduce.isca16_storage import KB, Sizes

if TYPE_CHECKING:
    from dnnaccel.arch import Chip
    from dnnaccel.problem import Problem

__all__ = ["FLOWS", "chip", "nest"]

# Sums leave finished: nothing that is summed over loops outside the buffer.
_UNSUMMED = LevelConstraint(dims=("N", "G", "M", "P", "Q"))


def _output_stationary(name: str, across: tuple[str, ...]) -> Dataflow:
    return Dataflow(
        name=name,
        description="a sum stays in its PE until it is done",
        stationary=("outputs",),
        inside=("R", "S"),
        outside=("C", "R", "S"),
        rows=across,
        columns=(),
        levels={"dram": _UNSUMMED},
    )


FLOWS: Mapping[str, Dataflow] = MappingProxyType(
    {
        "rs": Dataflow(
            name="isca16_rs",
            description="a 1-D convolution in each PE, filter rows and all else across",
            stationary=("inputs", "weights", "outputs"),
            inside=("M", "C", "S"),
            outside=("Q",),
            rows=("R", "C", "M", "P"),
            columns=(),
            whole_rows=("R",),
        ),
        "ws": Dataflow(
            name="isca16_ws",
            description="a weight stays in its PE for all pixels of all images, whole filters across",
            stationary=("weights",),
            inside=(),
            outside=("N", "P", "Q"),
            rows=("R", "S", "C", "M"),
            columns=(),
            whole_rows=("R", "S"),
            levels={
                "dram": LevelConstraint(dims=("G", "M", "C")),
                "glb": LevelConstraint(order=("N", "P", "Q")),
                "lines": LevelConstraint(dims=("P", "Q")),
            },
        ),
        "osa": _output_stationary("isca16_osa", ("P", "Q")),
        "osb": _output_stationary("isca16_osb", ("M", "N", "Q")),
        "osc": _output_stationary("isca16_osc", ("M", "N")),
        "nlr": Dataflow(
            name="isca16_nlr",
            description="nothing stays in a PE, an adder tree over channels",
            stationary=(),
            rows=("C", "M"),
            columns=(),
        ),
    }
)
"""The six dataflows as constraints on mappings of the chips that `chip` returns."""

# Level by level, outermost first: what is kept there and the tile that each loop leaves, in the letters of
# conventions.isca16.PARAMETERS. Loops run in this order.
_NESTS: Mapping[str, str] = {
    "rs": """
        dram [inputs, weights, outputs]
          for G step 1
          for N step {n}
          for P step {e}
          for M step {m}
          for C step {qr}
        glb [inputs, outputs]
          for M step {pt}
          for N step 1
          for Q step 1
        pe_array.rows
          par C step {q}
          par M step {p}
          par R step 1
          par P step 1
        rf [inputs, weights, outputs]
          for C step 1
          for S step 1
          for M step 1
    """,
    "ws": """
        dram [inputs, weights, outputs]
          for G step 1
          for M step {m}
          for C step {k}
        glb [outputs]
          for N step 1
          for P step 1
        lines [inputs]
          for Q step 1
        pe_array.rows
          par M step 1
          par C step 1
          par R step 1
          par S step 1
        in_reg [inputs]
        rf [weights]
    """,
    "osa": """
        dram [inputs, weights, outputs]
          for G step 1
          for M step {held}
          for N step 1
          for P step {h}
          for Q step {w}
        glb [inputs, weights]
          for M step 1
          for C step 1
          for R step {window}
        pe_array.rows
          par P step 1
          par Q step 1
        in_reg [inputs]
        rf [outputs]
          for R step 1
          for S step 1
    """,
    "osb": """
        dram [inputs, weights, outputs]
          for G step 1
          for M step {held}
          for N step {n}
          for P step 1
          for Q step {w}
        glb [inputs, weights]
          for M step {m}
          for C step 1
          for R step 1
          for S step 1
        pe_array.rows
          par N step 1
          par M step 1
          par Q step 1
        in_reg [inputs]
        rf [outputs]
    """,
    "osc": """
        dram [inputs, weights, outputs]
          for G step 1
          for M step {held}
          for N step {n}
          for P step 1
          for Q step 1
        glb [{kept}]
          for M step {m}
          for C step 1
          for R step 1
          for S step 1
        pe_array.rows
          par N step 1
          par M step 1
        rf [outputs]
    """,
    "nlr": """
        dram [inputs, weights, outputs]
          for G step 1
          for P step {e}
          for N step {n}
          for M step {held}
          for C step {k}
        glb [inputs, weights, outputs]
          for M step {m}
          for R step 1
          for S step 1
          for N step 1
          for P step 1
          for Q step 1
        pe_array.rows
          par C step 1
          par M step 1
    """,
}


def nest(dataflow: str, mapping: Mapping[str, int], problem: Problem, machine: Chip) -> str:
    """Return the loop nest of one of the paper's mappings of a problem, for a chip that `chip` returns."""
    values: dict[str, int] = dict(mapping)
    if dataflow == "rs":
        values |= {"qr": values["q"] * values["r"], "pt": values["p"] * values["t"]}
    if dataflow == "osa":
        # The registers hold what they can of a filter's window: all its rows, or one.
        rows, columns = problem.bounds["R"], problem.bounds["S"]
        words = machine.memory("in_reg").capacity_words or 0
        values["window"] = rows if rows * columns <= words else 1
    # The paper gives a single image no room in OSC's buffer: its window passes by, one reads it once.
    kept = "inputs, weights" if mapping.get("n", 1) > 1 else "weights"
    return _NESTS[dataflow].format(kept=kept, **values)


def chip(dataflow: str, sizes: Sizes) -> Chip:
    """Return the preset of a dataflow with `sizes` of storage and all its PEs in one line."""
    preset = arch.load(f"eyeriss_isca16_{dataflow}")
    return preset.override(
        {
            "glb.size_bytes": int(sizes.buffer_kb * KB),
            "pe_array.rows": sizes.pes,
            "pe_array.columns": 1,
        }
    )

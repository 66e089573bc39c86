"""Files of SCALE-Sim that several tests start from."""

from __future__ import annotations

from pathlib import Path

V2 = """\
[general]
run_name = v2_run

[architecture_presets]
ArrayHeight:    16
ArrayWidth:     8
IfmapSramSzkB:  64
FilterSramSzkB: 32
OfmapSramSzkB:  16
IfmapOffset:    0
FilterOffset:   10000000
OfmapOffset:    20000000
Dataflow : os
Bandwidth : 7
MemoryBanks: 1

[run_presets]
InterfaceBandwidth: CALC
"""
V3 = """\
# a comment
[general]
run_name = v3_run
[architecture_presets]
arrayheight = 16
arraywidth = 8
ifmapsramszkb = 64
filtersramszkb = 32
ofmapsramszkb = 16
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = ws
Bandwidth = 5, 6, 7
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 20
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 30
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = true
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = USER
UseRamulatorTrace = False
"""
HEADER = "Layer, IFMAP H, IFMAP W, Filter H, Filter W, Channels, Filters, Stride,\n"
TOPOLOGY = HEADER + "a, 12, 12, 3, 3, 8, 20, 1,\nb, 9, 10, 3, 2, 4, 7, 2,\n"


def save(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path

"""The presets: each number has a source, and the numbers are the papers'."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest

from dnnaccel import arch
from dnnaccel.arch import Array, Chip, Memory
from dnnaccel.arch.schema import ArraySchema, ChipSchema, MemorySchema

NUMBERS = {
    Memory: (
        "size_bytes",
        "read_energy",
        "write_energy",
        "read_bytes_per_cycle",
        "write_bytes_per_cycle",
        "bytes_per_cycle",
    ),
    Array: ("rows", "columns", "energy"),
}


def test_names() -> None:
    wanted = {"example", "eyeriss", "eyeriss_isca16_rs", "nvdla_large", "shidiannao", "tpu_v1"}
    assert wanted <= set(arch.names())
    assert arch.names() == sorted(arch.names())


@pytest.fixture(params=arch.names())
def chip(request: pytest.FixtureRequest) -> Chip:
    return arch.load(str(request.param))


def test_every_number_has_a_source(chip: Chip) -> None:
    for level in chip.levels:
        stated = [key for key in NUMBERS[type(level)] if getattr(level, key)]
        if isinstance(level, Memory) and level.word_bits != chip.word_bits:
            stated.append("word_bits")
        unsourced = [key for key in stated if not level.sources.get(key, "").strip()]
        assert not unsourced, f"{chip.name}: {level.name}"
    assert chip.source.strip()
    assert chip.mac.source.strip()
    assert chip.vector.source.strip()


def test_preset_is_named_as_its_file_and_described(chip: Chip) -> None:
    assert chip.name in arch.names()
    assert arch.load(chip.name) is chip
    assert chip.title
    assert chip.description


def test_preset_round_trips(chip: Chip, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("presets") / "copy.yaml"
    path.write_text(chip.to_yaml(), encoding="utf-8")
    assert arch.load(path) == chip
    assert Chip.from_dict(chip.to_dict()) == chip


def test_drawing_fits_a_terminal(chip: Chip) -> None:
    drawing = chip.draw()
    assert max(map(len, drawing.splitlines())) <= 100
    for level in chip.levels:
        assert f"─ {level.name} " in drawing


def test_energy_falls_towards_the_macs(chip: Chip) -> None:
    for role in ("inputs", "weights", "outputs"):
        ladder = [m.read_energy / m.word_bits for m in chip.memories if role in m.keeps]
        assert all(outer >= inner * (1 - 1e-9) for outer, inner in itertools.pairwise(ladder)), role


def test_the_documentation_shows_the_example() -> None:
    page = (Path(__file__).parents[2] / "docs" / "chips.md").read_text(encoding="utf-8")
    shown = page.split("<!-- example: begin -->\n```yaml\n")[1].split("```\n<!-- example: end -->")[0]
    assert shown == (Path(arch.__file__).parent / "presets" / "example.yaml").read_text(encoding="utf-8")
    for schema in (ArraySchema, ChipSchema, MemorySchema):
        for key in schema.model_fields:
            assert f"`{key}`" in page, key


def sizes(chip: Chip) -> dict[str, int | None]:
    return {memory.name: memory.capacity_words for memory in chip.memories}


def test_eyeriss() -> None:
    chip = arch.load("eyeriss")
    assert sizes(chip) == {
        "dram": None,
        "glb": 51200,
        "filter_buffer": 4096,
        "ifmap_spad": 12,
        "filter_spad": 224,
        "psum_spad": 24,
    }
    array = chip["pe_array"]
    assert isinstance(array, Array)
    assert (array.rows, array.columns, chip.pe_count) == (12, 14, 168)
    assert (chip.clock_mhz, chip.word_bits, chip.technology_nm) == (200, 16, 65)
    assert (chip.dataflow, chip.energy_unit) == ("rs", "pJ")
    # The paper's peak at 200 MHz: between 16.8 GMAC/s at 100 MHz and 42.0 at 250 MHz.
    assert chip.peak_macs_per_cycle * 200 / 1000 == pytest.approx(33.6)
    assert chip.memory("dram").bytes_per_cycle == pytest.approx(8 * 60 / 200)
    assert chip.memory("dram").read_energy == 512 / 4
    assert chip.memory("glb").read_energy == pytest.approx(18.183829 / 4)
    assert chip.memory("glb").write_energy == pytest.approx(14.137929 / 4)
    on_chip = sum(chip.memory(name).size_bytes or 0 for name in ("glb", "filter_buffer"))
    assert on_chip == 108 * 1024
    assert dict(array.words_per_cycle) == {"inputs": 1, "weights": 4, "outputs": 4}
    assert chip.mac.energy == pytest.approx((0.8 + 0.1) / 0.52)
    assert array.energy == pytest.approx(2 * chip.mac.energy)
    for name, words in (("psum_spad", 24), ("filter_spad", 224)):
        read = 0.202442 + (1.976602 - 0.202442) * (words - 12) / (192 - 12)
        write = 0.176713 + (1.881657 - 0.176713) * (words - 12) / (192 - 12)
        assert chip.memory(name).read_energy == pytest.approx(read)
        assert chip.memory(name).write_energy == pytest.approx(write)


def test_eyeriss_holds_the_tiles_of_the_papers_alexnet_mapping() -> None:
    glb = arch.load("eyeriss").memory("glb")
    # KB of inputs and of partial sums in the buffer, CONV1 to CONV5 (JSSC 2017, mapping table).
    table = ((15.5, 72.2), (3.8, 91.1), (7.0, 84.5), (10.5, 84.5), (10.5, 84.5))
    assert glb.tile_words is not None
    assert all((inputs + sums) * 1024 / 2 <= glb.tile_words for inputs, sums in table)
    assert any((inputs + sums) * 1024 / 2 > glb.tile_words / 2 for inputs, sums in table)


def test_eyeriss_isca16_rs() -> None:
    chip = arch.load("eyeriss_isca16_rs")
    assert sizes(chip) == {"dram": None, "glb": 65536, "rf": 256}
    assert chip.pe_count == 256
    assert (chip.energy_unit, chip.clock_mhz, chip.dataflow) == ("MAC", None, "rs")
    array = chip["pe_array"]
    assert isinstance(array, Array)
    energies = [chip.mac.energy, chip.memory("rf").read_energy, array.energy]
    energies += [chip.memory("glb").read_energy, chip.memory("dram").read_energy]
    assert energies == [1, 1, 2, 6, 200]
    for memory in chip.memories:
        assert memory.write_energy == memory.read_energy
        assert memory.bytes_per_cycle is memory.read_bytes_per_cycle is memory.write_bytes_per_cycle is None


def interpolated(at_45: float, at_7: float, node: float) -> float:
    """Energy at `node` nm, log-linear between two columns of the table."""
    return at_45 * math.exp(math.log(at_7 / at_45) * math.log(45 / node) / math.log(45 / 7))


def test_tpu_v1() -> None:
    chip = arch.load("tpu_v1")
    assert chip.pe_count == 65536
    assert sizes(chip) == {
        "dram": None,
        "unified_buffer": 24 * 2**20,
        "weight_fifo": 4 * 65536,
        "accumulators": 4096 * 256,
        "weight_reg": 2,
    }
    # 92 TOPS at 700 MHz; weights come in at 34 GB/s.
    assert chip.clock_mhz == 700
    assert chip.peak_macs_per_cycle * 2 * 700e6 == pytest.approx(92e12, rel=0.01)
    assert chip.memory("dram").bytes_per_cycle == pytest.approx(34e9 / 700e6)
    # The next tile of weights fits beside the one at work.
    assert chip.memory("weight_reg").tile_words == 1
    product, total = interpolated(0.2, 0.07, 28), interpolated(0.1, 0.03, 28)
    assert chip.mac.energy == pytest.approx(product + total)
    buffer_byte = interpolated(100, 14, 28) / 8
    small_byte = interpolated(20, 8.5, 28) / 8
    assert chip.memory("unified_buffer").read_energy == pytest.approx(buffer_byte)
    assert chip.memory("accumulators").read_energy == pytest.approx(4 * buffer_byte)
    fifo_byte = small_byte * (buffer_byte / small_byte) ** (3 / 5)  # 256 kB: 3 of the 5 doublings to 1 MB
    assert chip.memory("weight_fifo").read_energy == pytest.approx(fifo_byte)


def test_shidiannao() -> None:
    chip = arch.load("shidiannao")
    assert chip.pe_count == 64
    assert chip.dataflow == "osa"
    assert sizes(chip) == {
        "dram": None,
        "nb_in": 32768,
        "nb_out": 32768,
        "sb": 65536,
        "input_fifo": 16,
        "psum_reg": 1,
    }
    array = chip["pe_array"]
    assert isinstance(array, Array)
    assert array.forwards == ("inputs",)


def test_nvdla_large() -> None:
    chip = arch.load("nvdla_large")
    array = chip["mac_array"]
    assert isinstance(array, Array)
    assert (array.rows, array.columns, chip.pe_count) == (64, 32, 2048)
    assert chip.dataflow == "nlr"
    assert sizes(chip) == {"dram": None, "cbuf": 524288, "cacc": 64 * 32, "weight_reg": 2}
    assert chip.memory("dram").bytes_per_cycle == pytest.approx(20e9 / 1e9)
    assert chip.memory("cbuf").read_energy == pytest.approx(interpolated(20, 8.5, 28) / 8)
    assert chip.memory("cacc").read_energy == pytest.approx(interpolated(10, 7.5, 28) * 34 / 64)

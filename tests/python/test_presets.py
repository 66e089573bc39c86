"""The presets: each number has a source, and the numbers are the papers'."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest

import dnnaccel as da
import presets
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
    Array: ("rows", "columns", "energy", "words_per_cycle"),
}
ZEROS = ("formats", "gated_by")


def test_names() -> None:
    wanted = """diannao edge_tpu eie example eyeriss eyeriss_isca16_rs eyeriss_v2 gemmini host_cpu nvdla_large
        nvdla_small scnn shidiannao simba simba_package tesla_fsd tpu_v1"""
    assert set(wanted.split()) <= set(arch.names())
    assert arch.names() == sorted(arch.names())


@pytest.fixture(params=arch.names())
def chip(request: pytest.FixtureRequest) -> Chip:
    return arch.load(str(request.param))


def test_every_number_has_a_source(chip: Chip) -> None:
    for level in chip.levels:
        stated = [key for key in NUMBERS[type(level)] if getattr(level, key)]
        if isinstance(level, Array) and level.columns == 1:
            stated.remove("columns")
        if isinstance(level, Memory) and level.word_bits != chip.word_bits:
            stated.append("word_bits")
        stated += [key for key in ZEROS if getattr(level, key, None)]
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


def test_arrays_say_what_a_simulation_cycle_by_cycle_takes_them_for() -> None:
    found = {
        name: array.cycle_model
        for name in arch.names()
        for array in arch.load(name).arrays
        if array.cycle_model is not None
    }
    systolic = dict.fromkeys(("tpu_v1", "gemmini", "edge_tpu"), "systolic")
    rows = dict.fromkeys(("eyeriss", "eyeriss_isca16_rs"), "row_stationary")
    trees = dict.fromkeys(("nvdla_small", "nvdla_large", "diannao", "simba", "simba_package"), "adder_tree")
    assert found == systolic | rows | trees


def test_nvdla() -> None:
    for name, rows, columns, buffer, gigabytes, area in (
        ("nvdla_large", 64, 32, 512, 20, 5.5),
        ("nvdla_small", 8, 8, 128, 1, 0.91),
    ):
        chip = arch.load(name)
        array = chip["mac_array"]
        assert isinstance(array, Array)
        assert (array.rows, array.columns, chip.pe_count) == (rows, columns, rows * columns)
        # Weights stay in the MAC cells for a stripe (unit_description.rst).
        assert chip.dataflow == "ws"
        # The primer's table: buffer, bandwidth at 1 GHz, area.
        assert chip.memory("cbuf").size_bytes == buffer * 1024
        assert chip.memory("dram").bytes_per_cycle == pytest.approx(gigabytes)
        assert chip.area_mm2 == area
        assert chip.memory("cacc").capacity_words == 2 * columns * columns
    assert arch.load("nvdla_large").memory("cbuf").read_energy == pytest.approx(interpolated(20, 8.5, 28) / 8)
    assert arch.load("nvdla_large").memory("cacc").read_energy == pytest.approx(
        interpolated(10, 7.5, 28) * 34 / 64
    )
    assert arch.load("nvdla_small").memory("cbuf").read_energy == pytest.approx(
        interpolated(10, 7.5, 28) / 8 * math.sqrt(1 / 2)
    )


# Peak in TOPS (a MAC is two operations) as published, and how near ours must come to it.
PEAKS = {
    "eyeriss_v2": (0.1536, 1e-9),  # 192 elements x 2 MACs x 200 MHz
    "diannao": (0.452, 0.12),  # the paper counts 496 operations in 1.02 ns; ours are 512
    "edge_tpu": (4.0, 0.02),
    "simba": (4.01, 1e-3),
    "simba_package": (127.8, 1e-3),
    "scnn": (2.0, 0.03),  # 1024 multipliers at 1 GHz, "2 TOPS"
    "eie": (0.102, 0.01),
    "tesla_fsd": (2 * 36.86, 1e-3),
    "tpu_v1": (92, 0.01),
    "nvdla_large": (4.096, 1e-9),
    "gemmini": (0.512, 1e-9),
}


@pytest.mark.parametrize("name", PEAKS)
def test_peak_is_the_published_one(name: str) -> None:
    chip, (tops, tolerance) = arch.load(name), PEAKS[name]
    assert chip.clock_mhz is not None
    assert chip.peak_macs_per_cycle * 2 * chip.clock_mhz * 1e6 == pytest.approx(tops * 1e12, rel=tolerance)


def test_eyeriss_v2() -> None:
    chip = arch.load("eyeriss_v2")
    assert [array.instances for array in chip.arrays] == [16, 12, 2]
    # 192 kB in 16 clusters; scratchpads of 16, 192 and 32 words.
    buffers = chip.memory("glb_iact").size_bytes, chip.memory("glb_psum").size_bytes
    assert 16 * sum(size or 0 for size in buffers) == 192 * 1024
    assert [chip.memory(f"{name}_spad").capacity_words for name in ("iact", "weight", "psum")] == [
        16,
        192,
        32,
    ]
    assert chip.mac.skips == ("inputs", "weights")


def test_diannaos_power_is_the_papers() -> None:
    chip = arch.load("diannao")
    assert sizes(chip) == {"dram": None, "nb_in": 1024, "sb": 16384, "nb_out": 1024, "psum_reg": 16}
    # A cycle reads 16 inputs and 256 weights, and reads and writes 16 sums.
    a_cycle = 16 * chip.memory("nb_in").read_energy + 256 * (chip.memory("sb").read_energy + chip.mac.energy)
    a_cycle += 16 * (chip.memory("nb_out").read_energy + chip.memory("nb_out").write_energy)
    assert a_cycle * 980e6 * 1e-12 == pytest.approx((91 + 105 + 132 + 92) * 1e-3, rel=1e-5)


def test_eies_energies_are_its_power_over_its_clock() -> None:
    chip = arch.load("eie")
    weight, sums = chip.memory("spmat"), chip.memory("act_regs")
    a_mac = weight.read_energy + chip.mac.energy + sums.read_energy + sums.write_energy
    # Table II of the paper: 4.955 + 1.162 + 1.122 mW of an element at 800 MHz.
    assert a_mac * 800e6 * 1e-12 == pytest.approx((4.955 + 1.162 + 1.122) * 1e-3, rel=1e-5)
    assert (chip.pe_count, weight.word_bits) == (64, 4)


def test_simba_is_one_of_36() -> None:
    one, package = arch.load("simba"), arch.load("simba_package")
    assert package.peak_macs_per_cycle == 36 * one.peak_macs_per_cycle == 36 * 1024
    assert package.area_mm2 == 36 * (one.area_mm2 or 0)
    inside = [level for level in package.levels if level.name not in ("dram", "package", "pes")]
    assert inside == [level for level in one.levels if level.name not in ("dram", "pes")]
    for chip in (one, package):
        network = chip["pes"]
        assert isinstance(network, Array)
        assert network.words_per_cycle["inputs"] * (chip.clock_mhz or 0) * 1e6 == pytest.approx(68e9)


def test_scnn_reads_four_weights_and_four_inputs_a_cycle() -> None:
    chip = arch.load("scnn")
    for name in ("iaram", "weight_fifo"):
        assert chip.memory(name).read_bytes_per_cycle == 4 * (16 + 4) / 8
    assert chip.memory("accumulators").tile_words == 32 * 32
    assert chip.instances("iaram") == 64


def test_edge_tpu_gets_weights_over_its_link_alone() -> None:
    chip = arch.load("edge_tpu")
    link = chip["link"]
    assert isinstance(link, Array)
    assert dict(link.words_per_cycle) == pytest.approx({"weights": 500 / 480}, rel=1e-5)
    assert chip.memory("sram").size_bytes == 8 * 2**20


def test_tesla_reads_256_and_128_bytes_a_cycle() -> None:
    chip = arch.load("tesla_fsd")
    assert chip.memory("sram").read_bytes_per_cycle == 256 + 128
    assert (chip.instances("sram"), chip.instances("sum_reg")) == (2, 2 * 96 * 96)
    assert chip.dataflow == "osb"


def test_gemmini() -> None:
    chip = arch.load("gemmini")
    assert sizes(chip) == {"dram": None, "scratchpad": 2**18, "accumulator": 2**14, "weight_reg": 2}
    assert chip.memory("dram").bytes_per_cycle == 128 / 8


@pytest.mark.slow
@presets.every_chip
def test_alexnet_uses_the_array(chip: str) -> None:
    # Mapped for the product of energy and time: fewer pJ alone may leave most of a large chip idle.
    report = da.simulate("alexnet", chip, objective="edp")
    assert report.macs == da.zoo.load("alexnet").total_macs
    busiest = max(layer.active_pes for layer in report.layers if layer.mapping)
    assert busiest > 0.25 * arch.load(chip).pe_count

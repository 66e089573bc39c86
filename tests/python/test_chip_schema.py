"""The JSON schema that editors read: it takes what loads, and refuses what does not."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

import presets
from dnnaccel import arch
from dnnaccel.arch.inherit import PRESETS
from dnnaccel.cli import run
from dnnaccel.errors import ArchitectureError

VALIDATOR = jsonschema.Draft202012Validator(arch.schema())


def preset(name: str) -> Any:
    return yaml.safe_load((PRESETS / f"{name}.yaml").read_text("utf-8"))


def test_it_is_a_schema_and_plain_json() -> None:
    jsonschema.Draft202012Validator.check_schema(arch.schema())
    assert json.loads(json.dumps(arch.schema())) == arch.schema()


@pytest.mark.parametrize("name", presets.ALL)
def test_every_preset_validates_as_it_stands_and_as_it_is_written(name: str) -> None:
    VALIDATOR.validate(preset(name))
    VALIDATOR.validate(arch.load(name).to_dict())


def test_components_and_zeros_validate() -> None:
    chip = arch.load("example").override(
        {
            "glb.component": {"kind": "sram", "width_bits": 64, "ports": 2},
            "dram.component": {"kind": "dram", "type": "ddr4", "table": "dram_survey"},
            "pe_array.component": {"kind": "wire", "length_mm": 1, "technology_nm": 28},
            "mac.component": {"kind": "mac", "precision": "int8"},
            "mac.skips": ["inputs"],
            "dram.formats": {"inputs": "rlc"},
            "pe_array.words_per_cycle": {"inputs": 1},
            "rf.leakage_mw": 0.1,
            "area_mm2": 4,
        }
    )
    VALIDATOR.validate(chip.to_dict())


WRONG: dict[str, dict[str, Any]] = {
    "unknown key": {"clock": 3},
    "text for a number": {"word_bits": "sixteen"},
    "out of bounds": {"clock_mhz": 0},
    "unknown unit": {"energy_unit": "p J"},
    "no levels": {"levels": []},
    "a name twice reserved": {"dataflow": "mac"},
    "unknown component": {"mac": {"component": {"kind": "mac", "precision": "int7"}}},
    "unknown format": {"levels": [{"memory": "dram", "formats": {"inputs": "rle"}}]},
    "neither memory nor array": {"levels": [{"name": "dram"}]},
    "rows out of bounds": {"levels": [{"array": "pes", "rows": 0}]},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG.keys())
def test_what_does_not_load_does_not_validate(changes: dict[str, Any]) -> None:
    data = preset("example") | changes
    with pytest.raises(ArchitectureError):
        arch.Chip.from_dict(data)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(data)


def test_a_file_that_extends_another_may_leave_things_out() -> None:
    child: dict[str, Any] = {
        "format": 1,
        "extends": "eyeriss",
        "name": "mine",
        "remove": ["psum_spad"],
        "levels": [{"memory": "glb", "size_bytes": 65536}, {"memory": "l2", "after": "dram"}],
        "mac": {"gates": ["inputs"]},
    }
    VALIDATOR.validate(child)
    for wrong in (
        {"extends": "eyeris"},
        {"remove": "glb"},
        {"levels": [{"memory": "l2", "behind": "dram"}]},
        {"mac": {"gate": ["inputs"]}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(child | wrong)
    del child["name"]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(child)


def test_every_key_says_what_it_means() -> None:
    """An editor shows it beside the key."""
    silent = []

    def look(schema: dict[str, Any], where: str) -> None:
        for key, entry in schema.get("properties", {}).items():
            if where.endswith(("charge", "formats", "words_per_cycle")):
                continue
            if not entry.get("description"):
                silent.append(f"{where}.{key}")
            look(entry, f"{where}.{key}")
        for part in ("if", "then", "else", "items"):
            if isinstance(schema.get(part), dict):
                look(schema[part], where)
        for entry in schema.get("oneOf", ()):
            look(entry, where)

    look(arch.schema(), "")
    assert silent == []


def test_every_key_that_a_chip_takes_is_in_it() -> None:
    written = json.dumps(arch.schema())
    for key in ("size_bytes", "charge", "words_per_cycle", "gates", "op_energy", "area_unit", "length_mm"):
        assert f'"{key}"' in written


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == arch.schema()

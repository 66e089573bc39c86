"""SCALE-Sim's configuration: the array, its memories, and the file that describes them."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dnnaccel._files import read_text
from dnnaccel.errors import DnnAccelError, ImportedFileError, UnknownNameError, did_you_mean, unknown_name
from dnnaccel.layers import whole_number

__all__ = ["DATAFLOWS", "MODES", "SPARSE_FORMATS", "ScaleSimConfig", "read_config"]

DATAFLOWS: tuple[str, ...] = ("os", "ws", "is")
MODES: tuple[str, ...] = ("calc", "user")
"""How SCALE-Sim treats the bandwidth of DRAM: works out what would be needed, or takes what is given."""
SPARSE_FORMATS: tuple[str, ...] = ("csr", "csc", "ellpack_block")

_MAX_BYTES = 2**18
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleSimConfig:
    """What a configuration file of SCALE-Sim says, as far as it moves a figure of the reports.

    Raises `DnnAccelError` for a size that makes no sense, `UnknownNameError` for an unknown dataflow, mode or
    sparse format.
    """

    rows: int
    """Rows of the array (ArrayHeight)."""
    columns: int
    """Columns of the array (ArrayWidth)."""
    ifmap_kb: int = 256
    filter_kb: int = 256
    ofmap_kb: int = 128
    """Sizes of the three memories, in units of 1024 words."""
    dataflow: str = "ws"
    mode: str = "calc"
    bandwidth: int = 10
    """Words per cycle to DRAM, of the outputs alone; used in user mode."""
    ifmap_bandwidth: int = 10
    filter_bandwidth: int = 10
    """Words per cycle from DRAM of the two operands (the banks' bandwidth); used in user mode."""
    sparse_format: str | None = None
    """How sparse filters are stored; None takes every filter as dense, whatever the topology says."""
    run_name: str = "scale_run"
    """The directory of the reports."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if field.type != "int":
                continue
            value = getattr(self, field.name)
            number = whole_number(value, minimum=1)
            if number is None:
                raise DnnAccelError(
                    f"{field.name} is {value!r}; it must be a whole number from 1 to 2**31 - 1"
                )
            object.__setattr__(self, field.name, number)
        _check_name("SCALE-Sim dataflow", self.dataflow, DATAFLOWS)
        _check_name("SCALE-Sim mode", self.mode, MODES)
        if self.sparse_format is not None:
            _check_name("sparse format of SCALE-Sim", self.sparse_format, SPARSE_FORMATS)
        reason = _wrong_run_name(self.run_name)
        if reason:
            raise DnnAccelError(f"run_name is {str(self.run_name)[:60]!r}; {reason}")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        return dataclasses.asdict(self)


def _check_name(kind: str, name: object, valid: tuple[str, ...]) -> None:
    if name not in valid:
        raise unknown_name(kind, name, valid)


def _wrong_run_name(name: object) -> str:
    if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME or not name.isprintable():
        return f"it must be a name of 1 to {_LONGEST_NAME} characters"
    if name in (".", "..") or "/" in name or "\\" in name or name != name.strip():
        return "it names the directory of the reports, so it must be no path"
    return ""


# The keys that are read, by section, each as SCALE-Sim's own files spell it.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "general": ("run_name",),
    "architecture_presets": (
        *("ArrayHeight", "ArrayWidth", "IfmapSramSzkB", "FilterSramSzkB", "OfmapSramSzkB"),
        *("IfmapOffset", "FilterOffset", "OfmapOffset", "Dataflow", "Bandwidth"),
        *("ReadRequestBuffer", "WriteRequestBuffer", "MemoryBanks"),
    ),
    "layout": (
        *("IfmapCustomLayout", "IfmapSRAMBankBandwidth", "IfmapSRAMBankNum", "IfmapSRAMBankPort"),
        *("FilterCustomLayout", "FilterSRAMBankBandwidth", "FilterSRAMBankNum", "FilterSRAMBankPort"),
    ),
    "sparsity": (
        *("SparsitySupport", "SparseRep", "OptimizedMapping", "BlockSize", "RandomNumberGeneratorSeed"),
    ),
    "run_presets": ("InterfaceBandwidth", "UseRamulatorTrace"),
}
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class _Entry:
    line: int
    key: str
    value: str


class _File:
    """The sections of one file, and its errors with their places."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.sections: dict[str, dict[str, _Entry]] = {}
        section: dict[str, _Entry] | None = None
        for number, line in enumerate(text.splitlines(), start=1):
            line = line.strip()
            if not line or line[0] in "#;":
                continue
            if line.startswith("["):
                if not line.endswith("]"):
                    raise self.error(number, f"a section is [name], found {_cut(line)}")
                section = self.sections.setdefault(line[1:-1].strip().lower(), {})
                continue
            if section is None:
                raise self.error(number, f"a section such as [general] must come first, found {_cut(line)}")
            self._add(section, number, line)

    def _add(self, section: dict[str, _Entry], number: int, line: str) -> None:
        cuts = [line.index(sign) for sign in ":=" if sign in line]
        key = line[: min(cuts)].strip() if cuts else ""
        if not key:
            raise self.error(number, f"'key: value' or 'key = value' is wanted, found {_cut(line)}")
        if key.lower() in section:
            first = section[key.lower()].line
            raise self.error(number, f"{_cut(key)} stands in line {first} already; leave one of them")
        section[key.lower()] = _Entry(number, key, line[min(cuts) + 1 :].strip())

    def error(self, line: int | None, sentence: str) -> ImportedFileError:
        return ImportedFileError(f"{self.name}{'' if line is None else f':{line}'}: {sentence}")

    def find(self, section: str, key: str) -> _Entry | None:
        return self.sections.get(section, {}).get(key.lower())

    def require(self, section: str, key: str) -> _Entry:
        entry = self.find(section, key)
        if entry is not None:
            return entry
        if section not in self.sections:
            there = ", ".join(f"[{name[:40]}]" for name in self.sections) or "none"
            raise self.error(None, f"the section [{section}] is missing; it has {key} (sections: {there})")
        raise self.error(None, f"[{section}] has no {key}; it is needed")

    def number(self, section: str, key: str, default: int | None = None, *, minimum: int = 1) -> int:
        """Return a whole number; `default` where the key is not there, None if it must be."""
        entry = self.find(section, key)
        if entry is None:
            if default is not None:
                return default
            entry = self.require(section, key)
        return self.parse(entry, entry.value, minimum)

    def parse(self, entry: _Entry, text: str, minimum: int = 1) -> int:
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 10) or not (
            minimum <= int(digits) < 2**31
        ):
            raise self.error(
                entry.line,
                f"{entry.key} must be a whole number from {minimum} to 2**31 - 1, found {_cut(text)}",
            )
        return int(digits)

    def flag(self, section: str, key: str) -> bool:
        """Return whether a key says yes; no where it is not there."""
        entry = self.find(section, key)
        if entry is None or entry.value.lower() in _FALSE:
            return False
        if entry.value.lower() in _TRUE:
            return True
        raise self.error(entry.line, f"{entry.key} must be True or False, found {_cut(entry.value)}")

    def one_of(self, entry: _Entry, valid: tuple[str, ...], shown: Callable[[str], str] = str) -> str:
        if entry.value.lower() in valid:
            return entry.value.lower()
        meant = did_you_mean(entry.value[:60], [shown(name) for name in valid])
        raise self.error(entry.line, f"unknown {entry.key} {_cut(entry.value)}; {meant}")

    def check_spelling(self) -> None:
        """Refuse a key that is read nowhere and nearly one that is missing; others are left alone."""
        for section, known in _KEYS.items():
            there = self.sections.get(section, {})
            missing = {key.lower(): key for key in known if key.lower() not in there}
            for key, entry in there.items():
                near = difflib.get_close_matches(key[:80], missing, n=1, cutoff=0.85)
                if near and key not in {name.lower() for name in known}:
                    raise self.error(
                        entry.line, f"unknown key {_cut(entry.key)}; did you mean {missing[near[0]]!r}?"
                    )


def _cut(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def read_config(path: str | os.PathLike[str]) -> ScaleSimConfig:
    """Read a configuration file of SCALE-Sim, version 2 or 3.

    What 3.0.0 demands and older files leave out gets its default: no [layout] (then `Bandwidth` holds for all
    three operands, as in version 2), no [sparsity], no ramulator, mode CALC where [run_presets] is missing.
    Keys that move no figure (offsets, banks, queues) are checked and not kept, unknown ones are left alone.

    Raises
    ------
    ImportedFileError
        With the line or key, for what cannot be understood and for what is not counted: custom layouts and
        Ramulator's latencies in user mode, and row-wise sparsity.
    """
    name = os.fspath(path)
    text = read_text(
        path,
        kind="SCALE-Sim configuration",
        usual_size="a few hundred bytes",
        max_bytes=_MAX_BYTES,
        error=ImportedFileError,
    )
    file = _File(name, text)
    file.check_spelling()
    presets = "architecture_presets"
    mode_entry = file.find("run_presets", "InterfaceBandwidth")
    mode = "calc" if mode_entry is None else file.one_of(mode_entry, MODES, str.upper)
    for key in ("IfmapOffset", "FilterOffset", "OfmapOffset"):
        file.number(presets, key, 0, minimum=0)
    bandwidth = _bandwidth(file, needed=mode == "user")
    banks = 10 if "layout" in file.sections else bandwidth
    run_name = file.find("general", "run_name")
    if run_name is not None and _wrong_run_name(run_name.value):
        reason = _wrong_run_name(run_name.value)
        raise file.error(run_name.line, f"run_name is {_cut(run_name.value)}; {reason}")
    _refuse_uncounted(file, mode)
    try:
        return ScaleSimConfig(
            rows=file.number(presets, "ArrayHeight"),
            columns=file.number(presets, "ArrayWidth"),
            ifmap_kb=file.number(presets, "IfmapSramSzkB"),
            filter_kb=file.number(presets, "FilterSramSzkB"),
            ofmap_kb=file.number(presets, "OfmapSramSzkB"),
            dataflow=file.one_of(file.require(presets, "Dataflow"), DATAFLOWS),
            mode=mode,
            bandwidth=bandwidth,
            ifmap_bandwidth=file.number("layout", "IfmapSRAMBankBandwidth", banks),
            filter_bandwidth=file.number("layout", "FilterSRAMBankBandwidth", banks),
            sparse_format=_sparse_format(file),
            run_name="scale_run" if run_name is None else run_name.value,
        )
    except UnknownNameError as error:
        raise file.error(None, str(error)) from None


def _bandwidth(file: _File, *, needed: bool) -> int:
    """Return the first of the comma list, the one that SCALE-Sim uses."""
    entry = file.find("architecture_presets", "Bandwidth")
    if entry is None:
        if needed:
            file.require("architecture_presets", "Bandwidth")
        return 10
    if not needed:
        return 10  # SCALE-Sim does not read it then, whatever it holds
    first, *_ = [file.parse(entry, part) for part in entry.value.split(",")]
    return first


def _sparse_format(file: _File) -> str | None:
    if not file.flag("sparsity", "SparsitySupport"):
        return None
    found = file.one_of(file.require("sparsity", "SparseRep"), SPARSE_FORMATS)
    if file.number("architecture_presets", "FilterOffset", 10_000_000, minimum=0) == 0:
        entry = file.require("architecture_presets", "FilterOffset")
        raise file.error(
            entry.line,
            "FilterOffset is 0: with sparsity SCALE-Sim then loses a word; give 1 or more",
        )
    return found


def _refuse_uncounted(file: _File, mode: str) -> None:
    if file.flag("sparsity", "SparsitySupport") and file.flag("sparsity", "OptimizedMapping"):
        entry = file.require("sparsity", "OptimizedMapping")
        raise file.error(
            entry.line,
            "OptimizedMapping (row-wise sparsity) draws its zeros from numpy's random numbers and is not "
            "counted; set it to false for the N:M of the topology",
        )
    if mode != "user":
        return  # in CALC mode neither moves a figure
    for key in ("IfmapCustomLayout", "FilterCustomLayout"):
        if file.flag("layout", key):
            entry = file.require("layout", key)
            raise file.error(
                entry.line, f"{entry.key}: bank conflicts of layouts are not counted; set it to False"
            )
    ramulator = file.find("run_presets", "UseRamulatorTrace")
    if ramulator is not None and ramulator.value == "True":
        raise file.error(
            ramulator.line, "UseRamulatorTrace: latencies that Ramulator made are not read; set it to False"
        )

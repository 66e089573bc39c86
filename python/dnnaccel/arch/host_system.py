"""What the operating system says of this machine's processor: its name, its CPUs, its caches."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cache", "HostSystem", "describe_system"]

_SYSFS = Path("/sys/devices/system/cpu")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One data cache as a CPU sees it: its level, its size in bytes, and how many of our CPUs share it."""

    level: int
    size_bytes: int
    line_bytes: int
    shared_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSystem:
    """This machine as the operating system describes it.

    `cpus` counts those that this process may use, `caches` are in order from the innermost. `source` says
    where the caches come from.
    """

    name: str
    cpus: int
    caches: tuple[Cache, ...]
    source: str


def describe_system() -> HostSystem:
    """Return what the system says: sysfs on Linux, sysctl on macOS, an assumption where neither answers."""
    if sys.platform == "darwin":
        found = _from_sysctl()
    else:
        cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        found = from_sysfs(_SYSFS, cpus)
    return found or _assumed()


def from_sysfs(root: Path, cpus: list[int]) -> HostSystem | None:
    """Return the caches of the first of `cpus` as the tree at `root` has them, or None if it has none."""
    caches = []
    for index in sorted((root / f"cpu{cpus[0]}" / "cache").glob("index*")) if cpus else []:
        try:
            if _read(index / "type") not in ("Data", "Unified"):
                continue
            sharing = _cpu_list(_read(index / "shared_cpu_list"))
            size = re.fullmatch(r"(\d+)([KMG]?)", _read(index / "size"))
            if size is None:
                return None
            cache = Cache(
                level=int(_read(index / "level")),
                size_bytes=int(size[1]) * _UNITS[size[2]],
                line_bytes=int(_read(index / "coherency_line_size")),
                shared_by=max(1, len(sharing & set(cpus))),
            )
        except (OSError, ValueError):
            return None
        caches.append(cache)
    if not caches or min(cache.size_bytes for cache in caches) < 1024:
        return None
    return HostSystem(
        name=_linux_name(),
        cpus=len(cpus),
        caches=tuple(sorted(caches, key=lambda cache: cache.level)),
        source="this machine, /sys/devices/system/cpu",
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()


def _cpu_list(text: str) -> set[int]:
    """CPUs of a list such as 0-3,8."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _linux_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _plain_name(platform.machine())
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return _plain_name(found[1] if found else platform.machine())


def _plain_name(name: str) -> str:
    return "".join(c for c in name if c.isprintable()).strip()[:100] or "unknown processor"


def _from_sysctl() -> HostSystem | None:
    # On Apple's chips level 0 are the performance cores; others have one kind, without a level.
    performance = _sysctl("hw.perflevel0.physicalcpu")
    prefix = "hw.perflevel0." if performance else "hw."
    cpus = performance or _sysctl("hw.physicalcpu") or 1
    line = _sysctl("hw.cachelinesize") or 64
    l2_shared = _sysctl("hw.perflevel0.cpusperl2") or 1
    known = (("l1dcachesize", 1, 1), ("l2cachesize", 2, l2_shared), ("l3cachesize", 3, cpus))
    caches = tuple(
        Cache(level=level, size_bytes=size, line_bytes=line, shared_by=min(shared, cpus))
        for key, level, shared in known
        if (size := _sysctl(prefix + key))
    )
    if not caches:
        return None
    name = _plain_name(platform.processor() or platform.machine())
    return HostSystem(name=name, cpus=cpus, caches=caches, source="this machine, sysctl hw")


def _sysctl(name: str) -> int:
    """Value of an integer of sysctl, or 0 if the system has none of that name."""
    value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
    query = ctypes.CDLL(None).sysctlbyname
    if query(name.encode(), ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return 0
    return value.value


def _assumed() -> HostSystem:
    cpus = os.cpu_count() or 1
    caches = (
        Cache(level=1, size_bytes=32 * 2**10, line_bytes=64, shared_by=1),
        Cache(level=2, size_bytes=2**20, line_bytes=64, shared_by=1),
    )
    return HostSystem(
        name=_plain_name(platform.processor() or platform.machine()),
        cpus=cpus,
        caches=caches,
        source="assumption, as the system does not say; a cache of 32 KiB and one of 1 MiB for each CPU",
    )

"""The house keeps its direction: nothing on the left knows what is on its right, in C++ as in Python."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dnnaccel

ROOT = Path(__file__).parents[2]
CPP = ROOT / "cpp"
PACKAGE = ROOT / "python" / "dnnaccel"

# What a folder of cpp/ may include beside itself: `kernels` hangs off `base` alone, `sim` stands beside
# `mapper`.
COST_AND_BELOW = {"base", "problem", "arch", "mapping", "cost"}
CPP_MAY_INCLUDE = {
    "base": set[str](),
    "problem": {"base"},
    "arch": {"base", "problem"},
    "mapping": {"base", "problem", "arch"},
    "cost": {"base", "problem", "arch", "mapping"},
    "mapper": COST_AND_BELOW,
    "sim": COST_AND_BELOW,
    "kernels": {"base"},
    "sparsity": {"base", "problem"},
    "bindings": COST_AND_BELOW | {"mapper", "sim", "kernels", "sparsity"},
}

# What a module of the package may import, left before right; modules in one group may not import each other.
PYTHON_ORDER: tuple[tuple[str, ...], ...] = (
    ("errors", "_core", "_text", "_units"),
    ("_rows", "_layered", "_files"),
    ("problem", "_yaml"),
    ("_checks",),
    ("energy",),
    ("layers", "arch"),
    ("_summary", "_drawing", "_netfile"),
    ("network", "mapping", "dataflow_files"),
    ("builder", "datasets"),
    ("zoo", "dataflow", "importers"),
    ("mapspace",),
    ("_lower",),
    ("sparsity",),
    ("_zeros", "provenance"),
    ("cost", "conventions"),
    ("mapper",),
    ("report",),
    ("simulate",),
    ("compare",),
    ("reproduce",),
    ("cli",),
)
RANK = {module: rank for rank, group in enumerate(PYTHON_ORDER) for module in group}
# Networks and chips do not know each other, though their ranks would let them.
NETWORK_SIDE = {
    "layers",
    "_summary",
    "_drawing",
    "_netfile",
    "network",
    "builder",
    "datasets",
    "zoo",
    "importers",
}
CHIP_SIDE = {"energy", "arch", "mapping", "dataflow_files", "dataflow", "mapspace"}

NOT_AT_IMPORT = ("click", "matplotlib", "onnx", "pandas", "pydantic", "rich", "torch", "yaml")


def includes() -> Iterator[tuple[str, str, str]]:
    """(file, its folder, folder included) for every include of a folder of cpp/."""
    for path in sorted(CPP.glob("*/*.[ch]pp")):
        for included in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text("utf-8"), re.MULTILINE):
            yield str(path.relative_to(ROOT)), path.parent.name, included.partition("/")[0]


def test_cpp_includes_go_one_way() -> None:
    found = list(includes())
    assert {folder for _, folder, _ in found} <= set(CPP_MAY_INCLUDE)
    assert len(found) > 50
    wrong = [
        f"{path} includes {other}/"
        for path, folder, other in found
        if other != folder and other not in CPP_MAY_INCLUDE[folder]
    ]
    assert wrong == []


def test_every_cpp_file_stands_in_a_known_folder_and_is_built() -> None:
    sources = {str(path.relative_to(ROOT)) for path in CPP.rglob("*.cpp")}
    listed = set(
        re.findall(r"^\s+(cpp/\S+\.cpp)$", (ROOT / "CMakeLists.txt").read_text("utf-8"), re.MULTILINE)
    )
    assert sources == listed
    assert {path.name for path in CPP.iterdir() if path.is_dir() and any(path.iterdir())} <= set(
        CPP_MAY_INCLUDE
    )


def is_type_checking(test: ast.expr) -> bool:
    return isinstance(test, (ast.Name, ast.Attribute)) and ast.unparse(test).endswith("TYPE_CHECKING")


class Imports(ast.NodeVisitor):
    """Modules of the package that a file imports, inside functions too, but not for its annotations alone."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        for child in node.orelse if is_type_checking(node.test) else [node.test, *node.body, *node.orelse]:
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        self.add(alias.name for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports are absolute"
        if node.module == "dnnaccel":  # its dunders are facts about the package, not modules
            self.add(f"dnnaccel.{alias.name}" for alias in node.names if not alias.name.startswith("__"))
        elif node.module is not None:
            self.add([node.module])

    def add(self, names: Iterator[str] | list[str]) -> None:
        for name in names:
            parts = name.split(".")
            if parts[0] == "dnnaccel":
                self.found.add(parts[1] if len(parts) > 1 else "dnnaccel")


def package_imports() -> dict[str, set[str]]:
    """For every file of the package, the top-level modules of the package that it imports."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        visitor = Imports()
        visitor.visit(ast.parse(path.read_text("utf-8")))
        found[path.relative_to(PACKAGE).as_posix()] = visitor.found
    return found


def test_python_imports_go_one_way() -> None:
    wrong = []
    for path, imported in package_imports().items():
        module = path.partition("/")[0].removesuffix(".py")
        if module in {"__init__", "__main__"}:  # the faces of the package, which may import all of it
            continue
        assert module in RANK, f"{path}: say in this test where {module} stands"
        for other in sorted(imported - {module}):
            sides_mixed = (module in NETWORK_SIDE and other in CHIP_SIDE) or (
                module in CHIP_SIDE and other in NETWORK_SIDE
            )
            if other not in RANK or RANK[other] >= RANK[module] or sides_mixed:
                wrong.append(f"{path} imports {other}")
    assert wrong == []


def test_the_walk_over_imports_sees_functions_and_not_annotations() -> None:
    visitor = Imports()
    visitor.visit(
        ast.parse(
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from dnnaccel.cli import main\n"
            "else:\n    import dnnaccel.errors\n"
            "def f():\n    from dnnaccel import report, _core\n"
        )
    )
    assert visitor.found == {"errors", "report", "_core"}


def test_import_loads_only_what_it_needs() -> None:
    probe = (
        "import sys, time\n"
        "began = time.perf_counter()\n"
        "import dnnaccel\n"
        "print(time.perf_counter() - began)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    seconds, loaded = run.stdout.splitlines()
    print(f"import dnnaccel took {float(seconds):.3f} s")
    assert sorted(set(loaded.split()) & set(NOT_AT_IMPORT)) == []
    assert "dnnaccel" in loaded.split()


def test_the_version_is_said_once() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    stated = re.search(r'^version = "([^"]+)"$', pyproject, re.MULTILINE)
    assert stated is not None
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"version: {stated[1]}\n" in citation
    assert f"[{stated[1]}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert dnnaccel.__version__ == stated[1]

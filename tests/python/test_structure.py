"""The house keeps its direction: nothing on the left knows what is on its right, in C++ as in Python."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    "runtime": {"base", "kernels"},
    "sparsity": {"base", "problem"},
    "bindings": COST_AND_BELOW | {"mapper", "sim", "kernels", "runtime", "sparsity"},
}

# What a module of the package may import, left before right; modules in one group may not import each other.
PYTHON_ORDER: tuple[tuple[str, ...], ...] = (
    ("errors", "_core", "_lazy", "_text", "_units"),
    ("_rows", "_layered", "_files", "_effort", "stalls", "kernels"),
    ("problem", "_yaml", "constraint_text"),
    ("_checks", "constraints"),
    ("energy", "dram"),
    ("layers", "arch"),
    ("_graph", "_summary", "_drawing", "_netfile"),
    ("network", "mapping", "dataflow_files"),
    ("builder", "datasets"),
    ("zoo", "dataflow", "importers"),
    ("_narrow",),
    ("mapspace",),
    ("_lower",),
    ("sparsity",),
    ("runtime",),
    ("_zeros", "provenance", "_nest"),
    ("cost", "conventions", "_search_cache"),
    ("_search_run", "_vector_unit", "bounds"),
    ("report",),  # a search prints itself by it
    ("activity", "search_result"),
    ("mapper", "sim"),
    ("adder_tree",),
    ("trace",),
    ("simulate", "systolic"),
    ("comparing", "explain", "sweeping"),
    ("compare", "diff", "sweep", "atlas"),
    ("rerun",),
    ("benchmark",),
    ("reproduce",),
    ("cli",),
)
RANK = {module: rank for rank, group in enumerate(PYTHON_ORDER) for module in group}
# Networks and chips do not know each other, though their ranks would let them.
NETWORK_SIDE = {
    "layers",
    "_graph",
    "_summary",
    "_drawing",
    "_netfile",
    "network",
    "builder",
    "datasets",
    "zoo",
    "importers",
}
CHIP_SIDE = {"energy", "arch", "mapping", "dataflow_files", "dataflow", "mapspace", "constraints", "_narrow"}

# When a person asks, never at import: a result for the job that it comes from, and what shows itself in a
# notebook for the blocks of pages.
BACK = {
    ("report/result.py", "explain"),
    *((path, "report") for path in ("arch/chip.py", "cost.py", "mapping.py", "network.py", "provenance.py")),
}

NOT_AT_IMPORT = ("click", "matplotlib", "onnx", "pandas", "pydantic", "rich", "torch", "yaml")


def includes() -> Iterator[tuple[str, str, str]]:
    """(file, its folder, folder included) for every include of a folder of cpp/."""
    for path in sorted(CPP.rglob("*.[ch]pp")):
        for included in re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text("utf-8"), re.MULTILINE):
            yield str(path.relative_to(ROOT)), path.relative_to(CPP).parts[0], included.partition("/")[0]


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
    build = (ROOT / "CMakeLists.txt").read_text("utf-8")
    listed = set(re.findall(r"^\s+(cpp/\S+\.cpp)$", build, re.MULTILINE))
    families = re.search(r"set\(kernel_families\n(.*?)\)", build, re.DOTALL)
    assert families
    listed |= {
        f"cpp/kernels/{family}_{isa}.cpp"
        for family in families[1].split()
        for isa in ("portable", "avx2", "avx512", "neon")
    }
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
            if (path, other) in BACK:
                continue
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


def modules_after(code: str) -> set[str]:
    """Names of all modules that a fresh Python has loaded after `code`."""
    probe = f"import sys\n{code}\nprint('loaded', *sorted(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    return set(run.stdout.splitlines()[-1].split()[1:])


def families_in(loaded: set[str]) -> set[str]:
    return {name for name in loaded if name.startswith("dnnaccel.zoo.")}


def test_import_loads_nothing_else() -> None:
    probe = (
        "import time\n"
        "began = time.perf_counter()\n"
        "import dnnaccel\n"
        "print(f'import dnnaccel took {time.perf_counter() - began:.3f} s', file=sys.stderr)"
    )
    loaded = modules_after(probe)
    assert {name for name in loaded if name.partition(".")[0] == "dnnaccel"} == {"dnnaccel"}
    assert {name.partition(".")[0] for name in loaded} & {*NOT_AT_IMPORT, "numpy"} == set()


def test_the_job_itself_loads_no_optional_package() -> None:
    loaded = modules_after(
        "import dnnaccel\ndnnaccel.simulate, dnnaccel.compare, dnnaccel.search, dnnaccel.Report"
    )
    assert "dnnaccel.mapper" in loaded
    assert {name.partition(".")[0] for name in loaded} & {*NOT_AT_IMPORT, "numpy"} == set()
    assert families_in(loaded) == set()


def test_a_comparison_from_the_shell_loads_no_numpy_and_no_plots() -> None:
    loaded = modules_after(
        "from dnnaccel.cli import run\n"
        "assert run(['compare', 'lenet5', '--arch', 'eyeriss', '--effort', 'quick', '-q']) == 0"
    )
    assert "dnnaccel.comparing.rows" in loaded
    assert not {name.partition(".")[0] for name in loaded} & {"matplotlib", "numpy", "pandas"}


def test_listing_networks_loads_no_chip_and_no_numpy() -> None:
    loaded = modules_after("from dnnaccel.cli import run\nassert run(['networks', 'vgg*']) == 0")
    assert "dnnaccel.zoo.vgg" in loaded
    assert {name.partition(".")[0] for name in loaded} & {*NOT_AT_IMPORT, "numpy"} == {"click"}
    assert not loaded & {"dnnaccel.arch", "dnnaccel.simulate", "dnnaccel.zoo.resnet", "dnnaccel.zoo.nasnet"}


def test_showing_a_layer_loads_no_reader_of_files() -> None:
    loaded = modules_after("from dnnaccel.cli import run\nassert run(['show', 'alexnet:conv1']) == 0")
    assert "dnnaccel.zoo.alexnet" in loaded
    assert {name.partition(".")[0] for name in loaded} & {*NOT_AT_IMPORT, "numpy"} == {"click"}
    assert not {name for name in loaded if name.startswith("dnnaccel.importers.")}


def test_a_family_of_the_zoo_is_loaded_by_its_first_network() -> None:
    assert families_in(modules_after("import dnnaccel\nassert len(dnnaccel.zoo.names()) > 50")) == set()
    one = families_in(modules_after("import dnnaccel\ndnnaccel.zoo.load('squeezenet_v1_0')"))
    assert "dnnaccel.zoo.squeezenet" in one
    assert not one & {"dnnaccel.zoo.resnet", "dnnaccel.zoo.nasnet", "dnnaccel.zoo.vgg"}
    files = {path.stem for path in (PACKAGE / "zoo").glob("[!_]*.py")}
    assert files - {"nas"} <= set(dir(dnnaccel.zoo)) <= files | set(dnnaccel.zoo.__all__)
    assert dnnaccel.zoo.vgg.vgg16().name == "vgg16"


def test_everything_is_listed_and_there() -> None:
    assert dir(dnnaccel) == sorted(dnnaccel.__all__)
    for module in (
        dnnaccel,
        dnnaccel.zoo,
        dnnaccel.datasets,
        dnnaccel.importers,
        dnnaccel.layers,
        dnnaccel.sparsity,
    ):
        assert set(module.__all__) <= set(dir(module))
        for name in module.__all__:
            assert getattr(module, name) is not None
        with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'simulat'"):
            module.simulat  # noqa: B018


def test_type_checkers_are_told_of_every_name() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and is_type_checking(node.test))
    told = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told == set(dnnaccel.__all__)


@pytest.mark.parametrize(
    "first",
    [
        "import dnnaccel.simulate, dnnaccel.compare",
        "from dnnaccel.compare import Comparison",
        "import dnnaccel",
    ],
)
def test_a_function_hides_the_module_of_its_name(first: str) -> None:
    modules_after(
        f"{first}\n"
        "import dnnaccel, importlib\n"
        "for name in ('simulate', 'compare'):\n"
        "    module = importlib.import_module(f'dnnaccel.{name}')\n"
        "    assert getattr(dnnaccel, name) is getattr(module, name)\n"
        "    assert callable(getattr(dnnaccel, name))"
    )


def test_the_version_is_said_once() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    stated = re.search(r'^version = "([^"]+)"$', pyproject, re.MULTILINE)
    assert stated is not None
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"version: {stated[1]}\n" in citation
    assert f"[{stated[1]}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert dnnaccel.__version__ == stated[1]

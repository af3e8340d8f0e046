"""Install wheel, sdist and editable each on its own and take a gradient in each.

Run with an interpreter that has `build` and irgrad's dependencies: the three environments
borrow its packages, so that only irgrad itself is installed three times.
"""

import email
import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SMOKE = '''
import sys
from pathlib import Path

import numpy as np

import irgrad


def loss(x):
    return np.sum(np.tanh(x) * x)


compiled = irgrad.compile(loss)
x = np.linspace(-1.0, 2.0, 7)
value, gradient = compiled.value_and_grad(x)
tanh_x = np.tanh(x)
np.testing.assert_allclose(value, np.sum(tanh_x * x), rtol=1e-12)
np.testing.assert_allclose(gradient, tanh_x + x * (1 - tanh_x * tanh_x), rtol=1e-12)
assert "def " in compiled.source
where = Path(irgrad.__file__).resolve()
assert where.is_relative_to(sys.argv[1]), f"{where} is not below {sys.argv[1]}"
assert (where.parent / "py.typed").is_file()
'''


def run(*command: str | Path, **options: object) -> None:
    """Run a command, showing its output only where it fails.

    Raises:
        SystemExit: it failed.
    """
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,  # type: ignore[call-overload]
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}")


def check_wheel(wheel: Path) -> None:
    """Compare the wheel's members and metadata with what the checkout says."""
    templates = {
        f"irgrad/_templates/{path.relative_to(ROOT / 'codegen_templates').as_posix()}"
        for path in (ROOT / "codegen_templates").rglob("*.jinja")
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata_name = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(metadata_name))
    assert templates, "codegen_templates holds no template"
    assert templates <= names, f"missing from the wheel: {sorted(templates - names)}"
    assert "irgrad/py.typed" in names, "the wheel lacks irgrad/py.typed"
    tops = {name.split("/")[0] for name in names} - {metadata_name.split("/")[0]}
    assert tops == {"irgrad"}, f"the wheel installs more than irgrad: {sorted(tops)}"
    assert not [name for name in names if "__pycache__" in name], "the wheel ships byte code"
    assert metadata["License-Expression"] == "MIT", metadata["License-Expression"]
    assert metadata["Requires-Python"] == ">=3.11", metadata["Requires-Python"]


def check_sdist(sdist: Path) -> None:
    """See that the sdist keeps what is needed to build, read and test it."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "tests/conftest.py"}
    wanted |= {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "codegen_templates").rglob("*.jinja")
    }
    assert wanted <= names, f"missing from the sdist: {sorted(wanted - names)}"


def check_install(kind: str, arguments: list[str | Path], code: Path, scratch: Path) -> None:
    """Install irgrad alone in a new environment and take a gradient from another directory."""
    environment = scratch / kind
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", *arguments)
    # A path listed in a .pth file lends its packages but not its own .pth files: an editable
    # irgrad in the lending environment stays invisible.
    packages = environment / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    elsewhere = scratch / f"{kind}-elsewhere"
    elsewhere.mkdir()
    (elsewhere / "smoke.py").write_text(SMOKE, encoding="utf-8")
    settings = {**os.environ, "IRGRAD_CACHE_DIR": str(elsewhere / "cache")}
    expected = code if kind == "editable" else environment
    run(python, "-I", "smoke.py", expected.resolve(), cwd=elsewhere, env=settings)
    run(environment / "bin" / "irgrad", "--help", cwd=elsewhere, env=settings)


def main() -> None:
    """Build both distributions, look inside, install each kind and use it."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        started = time.perf_counter()
        run(sys.executable, "-m", "build", "--outdir", scratch / "dist", ROOT)
        (wheel,) = (scratch / "dist").glob("*.whl")
        (sdist,) = (scratch / "dist").glob("*.tar.gz")
        check_wheel(wheel)
        check_sdist(sdist)
        print(f"built {wheel.name} and {sdist.name}, {time.perf_counter() - started:.1f} s")
        kinds: list[tuple[str, list[str | Path]]] = [
            ("wheel", [wheel]),
            ("sdist", [sdist]),
            ("editable", ["--editable", ROOT]),
        ]
        for kind, arguments in kinds:
            started = time.perf_counter()
            check_install(kind, arguments, ROOT, scratch)
            print(f"{kind}: a gradient, {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()

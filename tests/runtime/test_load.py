"""Loading emitted texts: jitted and plain, twice, at once, across processes, and when damaged."""

import linecache
import os
import runpy
import sys
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from irgrad.errors import CacheWarning, IrgradError
from irgrad.runtime import cache, load
from irgrad.runtime.load import Compiles, compile_statistics, dispatchers, load_module

SOURCE = '''"""total(x): the sum of the squares of x."""
import numpy as np

try:
    from numba import njit, prange
except ImportError:
    prange = range

    def njit(**options):
        return lambda function: function

LOOP = dict(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})


@njit(**LOOP)
def square(x):
    return x * x


@njit(**LOOP)
def total(x):
    if x.shape[0] == 0:
        raise ValueError("total: x is empty")
    result = 0.0
    for i in prange(x.shape[0]):
        result += square(x[i])
    return result
'''
RAISING_LINE = 'raise ValueError("total: x is empty")'
X = np.arange(5.0)
TOTAL = 30.0
DIGEST = "0123456789abcdef"


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Return a function that makes this process forget its modules, as a new one would have."""
    monkeypatch.setattr(load, "_modules", {})

    def forget_modules() -> None:
        for name in load._modules:
            del sys.modules[name]
        load._modules.clear()

    yield forget_modules
    forget_modules()


def statistics(module: types.ModuleType) -> Compiles:
    return compile_statistics(dispatchers(module))


def machine_code(directory: Path) -> list[Path]:
    return sorted(directory.glob("irgrad_*.nbc"))


def test_jitted_and_plain_are_the_same_text(directory: Path) -> None:
    jitted = load_module(SOURCE, DIGEST, jit=True)
    plain = load_module(SOURCE, DIGEST, jit=False)
    assert jitted.total(X) == plain.total(X) == TOTAL
    assert jitted.__file__ == plain.__file__ == str(directory / f"irgrad_{DIGEST}.py")
    assert isinstance(plain.total, types.FunctionType)
    assert [d.py_func.__name__ for d in dispatchers(jitted)] == ["square", "total"]
    assert dispatchers(plain) == []
    assert statistics(jitted) == Compiles(compiled=2, loaded=0)


def test_modules_are_registered_under_their_names() -> None:
    for jit, name in ((True, f"irgrad_{DIGEST}"), (False, f"irgrad_{DIGEST}_python")):
        module = load_module(SOURCE, DIGEST, jit=jit)
        assert sys.modules[name] is module
        assert module.__name__ == module.total.__module__ == name


def test_the_same_digest_is_the_same_module() -> None:
    assert load_module(SOURCE, DIGEST, jit=True) is load_module(SOURCE, DIGEST, jit=True)
    assert load_module(SOURCE, DIGEST, jit=False) is load_module(SOURCE, DIGEST, jit=False)


def test_another_text_under_the_same_digest_is_refused() -> None:
    load_module(SOURCE, DIGEST, jit=False)
    with pytest.raises(IrgradError, match="two different emitted texts"):
        load_module(SOURCE + "\n", DIGEST, jit=False)


def test_a_text_that_fails_leaves_no_module() -> None:
    with pytest.raises(ZeroDivisionError):
        load_module("1 / 0\n", DIGEST, jit=False)
    with pytest.raises(SyntaxError):
        load_module("1 +\n", "ab", jit=False)
    assert f"irgrad_{DIGEST}_python" not in sys.modules
    assert "irgrad_ab_python" not in sys.modules
    assert load._modules == {}


def test_plain_python_needs_no_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)  # importing it raises ImportError
    assert load_module(SOURCE, DIGEST, jit=False).total(X) == TOTAL
    without = load_module(SOURCE, DIGEST, jit=True)  # the file's own fallback
    assert without.total(X) == TOTAL
    assert dispatchers(without) == []


def test_other_code_stays_jitted() -> None:
    load_module(SOURCE, DIGEST, jit=False)
    assert numba.config.DISABLE_JIT == 0
    assert type(numba.njit(lambda x: x)).__name__ == "CPUDispatcher"


def test_disabled_jit_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert load_module(SOURCE, DIGEST, jit=True).total(X) == TOTAL


@pytest.mark.parametrize("decorator", ["@numba.njit", "@numba.njit(cache=True)", "@numba.njit()"])
@pytest.mark.parametrize("jit", [True, False])
def test_every_spelling_of_the_decorator(decorator: str, jit: bool) -> None:
    source = f"import numba\n{decorator}\ndef double(x):\n    return 2 * x\n"
    assert load_module(source, cache.cache_key(decorator), jit=jit).double(1.5) == 3.0


@pytest.mark.parametrize("stored", ["1", "0"])
def test_tracebacks_show_the_text(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRGRAD_CACHE", stored)
    plain = load_module(SOURCE, DIGEST, jit=False)
    cache.clear_cache()
    linecache.checkcache()  # drops files that are gone
    with pytest.raises(ValueError, match="total: x is empty") as caught:
        plain.total(X[:0])
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.line == RAISING_LINE
    assert last.lineno == SOURCE[: SOURCE.index(RAISING_LINE)].count("\n") + 1


def test_memory_only_compiles_and_writes_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRGRAD_CACHE", "0")
    module = load_module(SOURCE, DIGEST, jit=True)
    assert module.total(X) == TOTAL
    assert not hasattr(module, "__file__")
    assert not directory.exists()
    with pytest.raises(ValueError, match="total: x is empty"):
        module.total(X[:0])


def test_a_reloaded_module_compiles_nothing(forget: Callable[[], None], directory: Path) -> None:
    assert load_module(SOURCE, DIGEST, jit=True).total(X) == TOTAL
    # A callee is in the machine code of its callers, and has none of its own.
    assert [path.name.split("-")[0] for path in machine_code(directory)] == [
        f"irgrad_{DIGEST}.total"
    ]
    forget()
    module = load_module(SOURCE, DIGEST, jit=True)
    assert module.total(X) == TOTAL
    assert statistics(module) == Compiles(compiled=0, loaded=1)
    assert module.total(X.astype(np.float32)) == TOTAL  # another signature
    assert statistics(module) == Compiles(compiled=2, loaded=1)


def test_settings_that_change_the_code_have_entries_of_their_own(
    forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_module(SOURCE, DIGEST, jit=True).total(X)
    forget()
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)
    module = load_module(SOURCE, DIGEST, jit=True)
    module.total(X)
    assert statistics(module).loaded == 0


def test_flush_and_recompile(directory: Path) -> None:
    module = load_module(SOURCE, DIGEST, jit=True)
    module.total(X)
    module.total.recompile()
    assert module.total(X) == TOTAL
    assert len(machine_code(directory)) == 1


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(content: bytes) -> bytes:
    return b""


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2  # in the machine code
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def garbage(content: bytes) -> bytes:
    return bytes(range(256)) * 20


@pytest.mark.parametrize("damage", [truncated, emptied, flipped, garbage])
def test_damaged_machine_code_is_compiled_anew(
    damage: Callable[[bytes], bytes], forget: Callable[[], None], directory: Path
) -> None:
    load_module(SOURCE, DIGEST, jit=True).total(X)
    (path,) = machine_code(directory)
    path.write_bytes(damage(path.read_bytes()))
    forget()
    module = load_module(SOURCE, DIGEST, jit=True)
    with pytest.warns(CacheWarning, match="quarantined") as caught:
        assert module.total(X) == TOTAL
    assert len(caught) == 1
    assert statistics(module).compiled == 2  # with its callee
    forget()
    module = load_module(SOURCE, DIGEST, jit=True)
    assert module.total(X) == TOTAL
    assert statistics(module) == Compiles(compiled=0, loaded=1)


def test_machine_code_under_another_name_is_refused(
    forget: Callable[[], None], directory: Path
) -> None:
    module = load_module(SOURCE, DIGEST, jit=True)
    module.total(X)
    module.square(2.0)
    square, total = machine_code(directory)
    total.write_bytes(square.read_bytes())  # intact, but of another function
    forget()
    with pytest.warns(CacheWarning, match="quarantined"):
        assert load_module(SOURCE, DIGEST, jit=True).total(X) == TOTAL


def test_machine_code_that_numba_rejects_is_compiled_anew(
    forget: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_module(SOURCE, DIGEST, jit=True).total(X)
    forget()
    module = load_module(SOURCE, DIGEST, jit=True)
    from numba.core.compiler import CompileResult

    def reject(*arguments: object) -> None:
        raise AttributeError("written by another numba")

    monkeypatch.setattr(CompileResult, "_rebuild", reject)
    with pytest.warns(CacheWarning):
        assert module.total(X) == TOTAL


def test_machine_code_of_another_owner_is_refused(
    forget: Callable[[], None], directory: Path
) -> None:
    load_module(SOURCE, DIGEST, jit=True).total(X)
    (total,) = machine_code(directory)
    if os.name == "posix" and os.geteuid() == 0:
        os.chown(total, 54321, -1)
    else:
        total.unlink()
        total.symlink_to(os.path.realpath(os.sep + os.path.join("etc", "passwd")))
    forget()
    with pytest.warns(CacheWarning, match="quarantined"):
        assert load_module(SOURCE, DIGEST, jit=True).total(X) == TOTAL


def test_a_directory_deleted_before_the_first_call(directory: Path) -> None:
    module = load_module(SOURCE, DIGEST, jit=True)
    cache.clear_cache()
    (directory / cache.LOCK).unlink()
    directory.rmdir()
    assert module.total(X) == TOTAL
    assert len(machine_code(directory)) == 1


def test_a_directory_replaced_before_the_first_call(directory: Path) -> None:
    module = load_module(SOURCE, DIGEST, jit=True)
    cache.clear_cache()
    (directory / cache.LOCK).unlink()
    directory.rmdir()
    directory.write_text("in the way")
    with pytest.warns(CacheWarning, match="kept in memory only") as caught:
        assert module.total(X) == TOTAL
    assert len(caught) == 1


def test_purge_removes_source_and_machine_code(directory: Path) -> None:
    load_module(SOURCE, DIGEST, jit=True).total(X)
    (entry,) = cache.cache_entries()
    assert (entry.digest, entry.machine_code_files) == (DIGEST, 1)
    assert entry.size == cache.cache_size()
    assert cache.purge(DIGEST) == 2
    assert cache.cache_entries() == machine_code(directory) == []


def test_the_stored_file_stands_alone(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cache.store(SOURCE, DIGEST)
    monkeypatch.setitem(sys.modules, "numba", None)
    assert runpy.run_path(str(path))["total"](X) == TOTAL


def test_eight_threads_get_one_module_and_one_compile() -> None:
    threads = 8
    barrier = threading.Barrier(threads)

    def first_call(_: int) -> tuple[types.ModuleType, float]:
        barrier.wait()
        module = load_module(SOURCE, DIGEST, jit=True)
        return module, module.total(X)

    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(first_call, range(threads)))
    module = results[0][0]
    assert all(other is module for other, _ in results)
    assert [value for _, value in results] == [TOTAL] * threads
    assert statistics(module) == Compiles(compiled=2, loaded=0)


PROGRAM = f"""
SOURCE = {SOURCE!r}
import os, signal, sys, threading, time
import numpy as np
from irgrad.runtime.load import compile_statistics, dispatchers, load_module

def answer():
    module = load_module(SOURCE, "ab", jit=True)
    counts = compile_statistics(dispatchers(module))
    value = module.total(np.arange(5.0))
    counts = compile_statistics(dispatchers(module))
    return f"{{value}} compiled={{counts.compiled}} loaded={{counts.loaded}}"
"""


def test_a_second_process_compiles_nothing_and_forks(children: Any) -> None:
    first, _ = children.run(PROGRAM + "print(answer())")
    assert first == "30.0 compiled=2 loaded=0"
    # Forked after use, while a thread that will not exist in the child holds a lock.
    second, errors = children.run(
        PROGRAM
        + """
from irgrad.runtime import load
print(answer(), flush=True)
if hasattr(os, "fork"):
    load._lock_of("irgrad_ab").acquire()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # rather than wait for a lock for ever
        module = load_module(SOURCE, "ab", jit=True)
        other = load_module(SOURCE + "# other", "cd", jit=True)
        x = np.arange(5, dtype=np.float32)
        os._exit(0 if module.total(x) == other.total(x) == 30 else 1)
    print(os.waitpid(child, 0)[1])
"""
    )
    lines = second.splitlines()
    assert lines[0] == "30.0 compiled=0 loaded=1"
    assert lines[1:] in ([], ["0"])
    assert "CacheWarning" not in errors


def test_spawned_processes_compile_nothing(children: Any, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        PROGRAM
        + """
def send(queue):
    queue.put(answer())

if __name__ == "__main__":
    import multiprocessing
    print(answer())
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=send, args=(queue,))
    process.start()
    print(queue.get(timeout=60))
    process.join()
"""
    )
    output, _ = children.run(
        f"import runpy, sys; sys.argv = [{str(script)!r}]; "
        f"runpy.run_path({str(script)!r}, run_name='__main__')"
    )
    assert output.splitlines() == ["30.0 compiled=2 loaded=0", "30.0 compiled=0 loaded=1"]


def test_processes_that_compile_at_once_agree(children: Any, directory: Path) -> None:
    started = [children.start(PROGRAM + "print(answer())") for _ in range(3)]
    for child in started:
        output, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
        assert output.startswith("30.0 ")
        assert "Warning" not in errors
    assert len(machine_code(directory)) == 1
    assert list(directory.glob(f"*{cache.QUARANTINED}")) == []


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_disk_that_fills_up_costs_a_warning(children: Any, directory: Path) -> None:
    output, errors = children.run(
        PROGRAM
        + """
import resource
load_module(SOURCE, "ab", jit=True)  # the text still fits, its machine code does not
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
print(answer())
"""
    )
    assert output == "30.0 compiled=2 loaded=0"
    assert errors.count("CacheWarning: ") == 1, errors
    assert cache.stored_source("ab") == SOURCE
    assert {path.name for path in directory.iterdir()} == {cache.LOCK, "irgrad_ab.py"}


@pytest.mark.skipif(os.name != "posix", reason="SIGINT to a process")
def test_interrupted_compilation(children: Any, directory: Path) -> None:
    child = children.start(
        PROGRAM
        + """
from numba.core import event

class Announce(event.Listener):
    def on_start(self, _):
        print("compiling", flush=True)
        time.sleep(0.5)  # until the signal is there: a small function compiles in no time
    def on_end(self, _): pass

with event.install_listener("numba:compile", Announce()):
    try:
        answer()
        print("not interrupted")
    except KeyboardInterrupt:
        print("interrupted", os.listdir(os.environ["IRGRAD_CACHE_DIR"]), flush=True)
print(answer())
"""
    )
    assert child.stdout.readline() == "compiling\n"
    child.send_signal(2)
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 0, errors
    lines = [line for line in output.splitlines() if line != "compiling"]
    assert lines[0].startswith("interrupted"), output
    assert ".nbc" not in lines[0]
    assert cache.PARTIAL not in lines[0]
    assert lines[1].startswith("30.0 ")
    assert len(machine_code(directory)) == 1


@pytest.mark.skipif(os.name != "posix", reason="timers of POSIX")
def test_an_interrupt_inside_llvm_is_not_lost(children: Any, directory: Path) -> None:
    output, errors = children.run(
        PROGRAM
        + """
from llvmlite.binding import ExecutionEngine

finalize = ExecutionEngine.finalize_object
armed = False
times = []

def interrupted(engine):
    global armed
    if armed:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0.0005)  # rings while LLVM generates code
        start = time.perf_counter()
        finalize(engine)
        times.append(time.perf_counter() - start)
    else:
        finalize(engine)

ExecutionEngine.finalize_object = interrupted  # before numba takes it over
signal.signal(signal.SIGALRM, signal.default_int_handler)
load_module(SOURCE, "ab", jit=True).square(1)  # what numba needs for itself is compiled
armed = True
try:
    print("not interrupted", answer())
except KeyboardInterrupt:
    print("interrupted", times[0] > 0.0005, sys.unraisablehook is sys.__unraisablehook__)
print(answer())
"""
    )
    first, second = output.splitlines()
    assert first == "interrupted True True"
    assert second.startswith("30.0 ")
    assert "Exception ignored" not in errors
    assert "CacheWarning" not in errors

"""The content-addressed store of emitted source files.

Layout of the cache directory (flat, private to one user, mode 0700):

    irgrad_<digest>.py                         the emitted text, then one seal line
    irgrad_<digest>.<function>-<key>.nbc       machine code of one function and signature
    irgrad_<key>.trace                         which digest a trace has led to: see `recall`
    irgrad_<digest>*.quarantined               an entry that failed its check, kept for inspection
    .lock                                      held while a source file is replaced

Two hashes, two meanings. The *digest* names an entry and is the hash of its key (graph text,
options, template digest, environment), so that it is known before anything is emitted. The
*fingerprint* is the sha256 of the text itself; it stands in the last line of the stored file, and
a pickle carries it beside the source, so that either can be checked by itself. Nothing is ever
executed out of a file here: the loader executes the text it was given or that passed its check.

Every file is written beside its final name and renamed into place, so a reader never sees half a
file, even if the writer is killed. Where nothing can be written, everything goes on in memory and
one `CacheWarning` says why.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import stat
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from irgrad.errors import CacheWarning, IrgradError

SEAL = "# irgrad sha256 "
QUARANTINED = ".quarantined"
PARTIAL = ".partial"
LOCK = ".lock"
LOCK_SECONDS = 10.0
PARTIAL_KEPT_SECONDS = 3600.0

_warned: set[str] = set()
_warned_lock = threading.Lock()


@dataclass(frozen=True)
class CacheEntry:
    """One stored source file with the machine code that belongs to it."""

    digest: str
    path: Path
    size: int
    machine_code_files: int
    modified: float


def cache_key(*parts: str) -> str:
    """Return the digest of some texts: 16 hex characters of sha256.

    Each part is preceded by its length, so that no two different lists of parts look alike.
    """
    hasher = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hasher.update(b"%d:" % len(encoded))
        hasher.update(encoded)
    return hasher.hexdigest()[:16]


@functools.cache
def compiler_key() -> str:
    """Describe what machine code depends on besides its source: versions and processor."""
    versions = [f"python {platform.python_implementation()} {platform.python_version()}"]
    modules = ("numpy", "numba", "llvmlite", "rocket_fft")
    versions += [f"{module} {_version(module)}" for module in modules]
    return "; ".join([*versions, _processor()])


def _version(module: str) -> str:
    known = getattr(sys.modules.get(module), "__version__", None)
    if known is not None:  # metadata is looked for on the whole path, and takes 2 ms
        return str(known)
    if find_spec(module) is None:
        return "absent"
    return metadata.version(module)


@functools.cache
def environment_key() -> str:
    """Describe what an emitted text depends on besides its graph: irgrad and `compiler_key`.

    irgrad counts by the content of its own files, not by a version number alone, so that a change
    to the emitter in a checkout cannot be answered from the cache.
    """
    hasher = hashlib.sha256()
    package = Path(__file__).parents[1]
    for folder in (package, package.parent / "codegen_templates"):
        for name, content in _files(folder):
            hasher.update(f"{name} {len(content)}\0".encode())
            hasher.update(content)
    return f"irgrad {hasher.hexdigest()[:16]}; {compiler_key()}"


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the code in a folder and those below, in a fixed order."""
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        for entry in sorted(found, key=lambda entry: entry.name):
            if entry.is_dir():
                yield from _files(Path(entry.path))
            elif entry.name.endswith((".py", ".jinja")):
                with open(entry.path, "rb", buffering=0) as file:
                    yield entry.name, file.read()


def _processor() -> str:
    try:
        from llvmlite import binding
    except ImportError:
        return f"{platform.machine()} {platform.processor()}"
    features = ",".join(sorted(name for name, on in binding.get_host_cpu_features().items() if on))
    return f"{binding.get_default_triple()} {binding.get_host_cpu_name()} {features}"


def fingerprint(source: str) -> str:
    """Return the sha256 of an emitted text, as hex."""
    return hashlib.sha256(source.encode("utf-8")).hexdigest()


def verify_source(source: str, sha256: str) -> None:
    """Check an emitted text, for example out of a pickle, against its fingerprint.

    Raises:
        IrgradError: the text is not the one that was fingerprinted.
    """
    found = fingerprint(source)
    if found != sha256:
        raise IrgradError(
            f"the emitted source was damaged or edited: its sha256 starts with {found[:16]}, "
            f"recorded is {sha256[:16]}",
            remedy="compile the function again, and pickle it anew",
        )


def warn_once(
    subject: str, message: str, category: type[Warning] = CacheWarning
) -> None:
    """Issue a warning unless this process already issued one on the same subject."""
    with _warned_lock:
        if subject in _warned:
            return
        _warned.add(subject)
    warnings.warn(message, category, stacklevel=3)


def warn_memory_only(reason: object) -> None:
    """Say, once in a process, that compiled functions will not outlive it."""
    warn_once(
        "memory only",
        f"irgrad's cache cannot be used ({reason}); compiled functions are kept in memory only. "
        "Set IRGRAD_CACHE_DIR to a directory of your own, or IRGRAD_CACHE=0 to silence this.",
    )


def cache_directory() -> Path | None:
    """Return the cache directory, created if need be; None when there is none to be used.

    `IRGRAD_CACHE=0` turns the cache off silently, `IRGRAD_CACHE_DIR` places it; the default is
    the user's cache directory of the platform. A directory that belongs to, or can be written by,
    somebody else is refused: machine code is loaded from it.
    """
    if os.environ.get("IRGRAD_CACHE", "1") == "0":
        return None
    try:
        directory = _directory_name()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: `~` in IRGRAD_CACHE_DIR, no home
        warn_memory_only(error)
        return None
    if os.name == "posix":
        if status.st_uid != os.geteuid():
            warn_memory_only(f"{directory} belongs to another user")
            return None
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            warn_memory_only(f"{directory} can be written by other users; chmod 700 it")
            return None
    return directory


def _directory_name() -> Path:
    chosen = os.environ.get("IRGRAD_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    default = platformdirs.user_cache_path("irgrad", appauthor=False)
    if "~" in default.parts:  # older platformdirs, user without a home: not a name to create
        raise FileNotFoundError("there is no home directory")
    return default.absolute()


def store(source: str, digest: str) -> Path | None:
    """Put an emitted text into the cache and return its path; None in memory-only operation.

    An entry that is already there is only checked. One whose content is not this text (truncated,
    flipped bits, another version's) is moved aside with a warning and written anew.
    """
    directory = cache_directory()
    if directory is None:
        return None
    path = directory / f"irgrad_{digest}.py"
    sealed = seal(source)
    try:
        # Read without the lock: the rename in write_atomically is atomic, and a shared cache that
        # is read-only still serves.
        if read_owned(path) == sealed:
            return path
        with _locked(directory):
            present = read_owned(path)
            if present != sealed:
                if present is not None:
                    quarantine(path)
                _sweep_partial(directory)
                write_atomically(path, sealed)
    except OSError as error:
        warn_memory_only(error)
        return None
    return path


def stored_source(digest: str) -> str | None:
    """Return the text stored under a digest if it is there and intact, else None."""
    directory = cache_directory()
    if directory is None:
        return None
    path = directory / f"irgrad_{digest}.py"
    try:
        present = read_owned(path)
        if present is None:
            return None
        source = unseal(present)
        if source is None:
            with _locked(directory):
                if read_owned(path) == present:
                    quarantine(path)
    except OSError as error:
        warn_memory_only(error)
        return None
    return source


def seal(source: str) -> bytes:
    """Return a text with the line that it is checked by."""
    newline = "" if source.endswith("\n") else "\n"
    return f"{source}{newline}{SEAL}{fingerprint(source)}\n".encode()


def unseal(sealed: bytes) -> str | None:
    """Return the text that was sealed, None where it was damaged since."""
    try:
        text, mark, tail = sealed.decode("utf-8").rpartition(SEAL)
    except UnicodeDecodeError:
        return None
    # A text without a final newline was given one in front of the seal.
    for source in (text, text.removesuffix("\n")):
        if mark and tail == f"{fingerprint(source)}\n":
            return source
    return None


def read_owned(path: Path) -> bytes | None:
    """Read a cache file; None if it is not there, empty bytes if somebody else owns it."""
    try:
        with open(path, "rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_uid != os.geteuid():
                return b""
            return file.read()
    except FileNotFoundError:
        return None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its name and rename it into place; leave nothing behind on failure."""
    descriptor, partial = tempfile.mkstemp(prefix=".", suffix=PARTIAL, dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except BaseException:  # KeyboardInterrupt included: no litter
        with suppress(OSError):
            os.unlink(partial)
        raise


def quarantine(path: Path) -> None:
    """Move a damaged entry aside under a name that nothing reads, and say so."""
    with suppress(FileNotFoundError):  # another process was quicker
        os.replace(path, f"{path}{QUARANTINED}")
        warn_once(
            f"quarantine {path}",
            f"the cache entry {path.name} is damaged or foreign; it was moved to "
            f"{path.name}{QUARANTINED} and is made anew.",
        )


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(directory / LOCK, timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except (filelock.Timeout, NotImplementedError):
        # A holder that hangs, or a file system without locks. The rename is atomic all the same;
        # only the check before a quarantine loses its protection.
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _sweep_partial(directory: Path) -> None:
    """Remove what killed writers left behind, once no living writer can own it."""
    oldest = time.time() - PARTIAL_KEPT_SECONDS
    for partial in directory.glob(f".*{PARTIAL}"):
        with suppress(OSError):
            if partial.stat().st_mtime < oldest:
                partial.unlink()


def purge(digest: str) -> int:
    """Delete everything stored under a digest and return how many files that were."""
    directory = cache_directory()
    return 0 if directory is None else _unlink(directory.glob(f"irgrad_{digest}.*"))


def cache_entries() -> list[CacheEntry]:
    """List the stored source files, most recently written first."""
    directory = cache_directory()
    if directory is None:
        return []
    machine_code: dict[str, list[int]] = {}
    for path in directory.glob("irgrad_*.nbc"):
        with suppress(OSError):  # deleted meanwhile
            machine_code.setdefault(_digest_of(path), []).append(path.stat().st_size)
    entries = []
    for path in directory.glob("irgrad_*.py"):
        with suppress(OSError):
            status = path.stat()
            sizes = machine_code.get(_digest_of(path), [])
            total = status.st_size + sum(sizes)
            entries.append(CacheEntry(_digest_of(path), path, total, len(sizes), status.st_mtime))
    return sorted(entries, key=lambda entry: (-entry.modified, entry.digest))


def _digest_of(path: Path) -> str:
    return path.name.removeprefix("irgrad_").partition(".")[0]


def cache_size() -> int:
    """Return the bytes that all files of the cache take, quarantined ones included."""
    directory = cache_directory()
    total = 0
    for path in _own_files(directory):
        with suppress(OSError):
            total += path.stat().st_size
    return total


def clear_cache() -> int:
    """Delete every file that irgrad wrote into the cache and return how many that were.

    Files of other programs in the same directory, and the directory itself, stay.
    """
    directory = cache_directory()
    return 0 if directory is None else _unlink(_own_files(directory))


def _own_files(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield from directory.glob("irgrad_*")
        yield from directory.glob(f".*{PARTIAL}")


def _unlink(paths: Iterator[Path]) -> int:
    count = 0
    for path in list(paths):
        with suppress(OSError):
            path.unlink()
            count += 1
    return count

"""The store of emitted files: keys, atomic writes, damage, unusable directories."""

import hashlib
import os
import platform
import stat
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import platformdirs
import pytest

from irgrad.errors import CacheWarning, IrgradError
from irgrad.runtime import cache

SOURCE = '''"""total(x): the sum of the squares of x."""


def total(x):
    result = 0.0
    for i in range(x.shape[0]):
        result += x[i] * x[i]
    return result
'''
DIGEST = "0123456789abcdef"
POSIX = os.name == "posix"


def test_key_is_a_prefix_of_sha256_over_length_prefixed_parts() -> None:
    expected = hashlib.sha256(b"3:abc" + b"2:" + "é".encode()).hexdigest()[:16]
    assert cache.cache_key("abc", "é") == expected


def test_keys_of_different_lists_differ() -> None:
    lists = [(), ("",), ("", ""), ("ab",), ("a", "b"), ("b", "a"), ("", "ab"), ("1:a",), ("a", "")]
    assert len({cache.cache_key(*parts) for parts in lists}) == len(lists)


def test_environment_key_names_versions_and_processor() -> None:
    key = cache.environment_key()
    for name, version in (
        ("numpy", np.__version__),
        ("numba", numba.__version__),
        ("llvmlite", llvmlite.__version__),
        (platform.python_implementation(), platform.python_version()),
    ):
        assert f"{name} {version};" in key
    assert llvmlite.binding.get_host_cpu_name() in key
    assert key == cache.environment_key()


def test_environment_key_covers_the_code_of_irgrad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "irgrad"
    (package / "runtime").mkdir(parents=True)
    (package / "runtime" / "cache.py").touch()
    monkeypatch.setattr(cache, "__file__", str(package / "runtime" / "cache.py"))
    keys = set()
    for text in ("x = 1", "x = 2"):
        (package / "emit.py").write_text(text)
        keys.add(cache.environment_key.__wrapped__())
    assert len(keys) == 2


@pytest.mark.parametrize("source", [SOURCE, SOURCE.rstrip("\n"), "", "\n", "x = 'é'\r\n", "a\n\n"])
def test_a_stored_text_comes_back(source: str, directory: Path) -> None:
    path = cache.store(source, DIGEST)
    assert path == directory / f"irgrad_{DIGEST}.py"
    assert path.read_bytes().startswith(source.encode())
    compile(path.read_text(), str(path), "exec")  # the seal is a comment
    assert cache.stored_source(DIGEST) == source


def test_an_absent_entry_is_none() -> None:
    assert cache.stored_source(DIGEST) is None


@pytest.mark.skipif(not POSIX, reason="permission bits")
def test_directory_and_files_are_private(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRGRAD_CACHE_DIR", str(directory / "deeper"))
    path = cache.store(SOURCE, DIGEST)
    assert path is not None
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_intact_entry_is_not_written_again() -> None:
    path = cache.store(SOURCE, DIGEST)
    assert path is not None
    before = path.stat()
    assert cache.store(SOURCE, DIGEST) == path
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(content: bytes) -> bytes:
    return b""


def flipped(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 4]) + content[101:]


def unsealed(content: bytes) -> bytes:
    return SOURCE.encode()


def not_text(content: bytes) -> bytes:
    return b"\xff\xfe\x00" * 50


DAMAGES = [truncated, emptied, flipped, unsealed, not_text]


@pytest.mark.parametrize("damage", DAMAGES)
def test_store_replaces_a_damaged_entry(damage: Callable[[bytes], bytes]) -> None:
    path = cache.store(SOURCE, DIGEST)
    assert path is not None
    good = path.read_bytes()
    damaged = damage(good)
    path.write_bytes(damaged)
    with pytest.warns(CacheWarning, match="quarantined") as caught:
        assert cache.store(SOURCE, DIGEST) == path
    assert cache.store(SOURCE, DIGEST) == path  # a second warning would be an error
    assert len(caught) == 1
    assert path.read_bytes() == good
    assert Path(f"{path}{cache.QUARANTINED}").read_bytes() == damaged


@pytest.mark.parametrize("damage", DAMAGES)
def test_reading_refuses_a_damaged_entry(damage: Callable[[bytes], bytes]) -> None:
    path = cache.store(SOURCE, DIGEST)
    assert path is not None
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(CacheWarning) as caught:
        assert cache.stored_source(DIGEST) is None
    assert cache.stored_source(DIGEST) is None  # a second warning would be an error
    assert len(caught) == 1
    assert not path.exists()


def test_no_flipped_byte_goes_unnoticed() -> None:
    sealed = cache.seal("x = 1\n")
    for position in range(len(sealed)):
        for bit in (1, 128):
            damaged = bytearray(sealed)
            damaged[position] ^= bit
            assert cache.unseal(bytes(damaged)) is None, position


def test_an_entry_of_another_version_is_replaced() -> None:
    cache.store("version = 1\n", DIGEST)
    with pytest.warns(CacheWarning):
        cache.store("version = 2\n", DIGEST)
    assert cache.stored_source(DIGEST) == "version = 2\n"


@pytest.mark.skipif(not POSIX, reason="owners")
def test_an_entry_of_another_owner_is_replaced() -> None:
    path = cache.store(SOURCE, DIGEST)
    assert path is not None
    if os.geteuid() == 0:
        os.chown(path, 54321, -1)
    else:
        path.unlink()
        path.symlink_to("/etc/passwd")
    with pytest.warns(CacheWarning):
        assert cache.store(SOURCE, DIGEST) == path
    assert path.stat().st_uid == os.geteuid()
    assert cache.stored_source(DIGEST) == SOURCE


def test_the_cache_can_be_turned_off(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRGRAD_CACHE", "0")
    assert cache.store(SOURCE, DIGEST) is None
    assert cache.stored_source(DIGEST) is None
    assert cache.cache_entries() == []
    assert cache.cache_size() == cache.clear_cache() == cache.purge(DIGEST) == 0
    assert not directory.exists()


@pytest.mark.skipif(not POSIX, reason="permission bits")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_directory_others_can_write_is_refused(directory: Path, mode: int) -> None:
    directory.mkdir()
    directory.chmod(mode)
    with pytest.warns(CacheWarning, match="can be written by other users") as caught:
        assert cache.store(SOURCE, DIGEST) is None
    assert cache.store(SOURCE, DIGEST) is None  # a second warning would be an error
    assert len(caught) == 1
    assert list(directory.iterdir()) == []


@pytest.mark.skipif(not POSIX, reason="owners")
def test_a_directory_of_another_user_is_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        directory.mkdir()
        os.chown(directory, 54321, -1)
    else:
        monkeypatch.setenv("IRGRAD_CACHE_DIR", "/")
    with pytest.warns(CacheWarning, match="belongs to another user"):
        assert cache.store(SOURCE, DIGEST) is None


def test_a_deleted_directory_is_made_again(directory: Path) -> None:
    path = cache.store(SOURCE, DIGEST)
    assert path is not None
    cache.clear_cache()
    (directory / cache.LOCK).unlink(missing_ok=True)
    directory.rmdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache.store(SOURCE, DIGEST) == path
    assert cache.stored_source(DIGEST) == SOURCE


def test_a_file_in_the_place_of_the_directory_means_memory(directory: Path) -> None:
    directory.write_text("in the way")
    with pytest.warns(CacheWarning, match="kept in memory only") as caught:
        assert cache.store(SOURCE, DIGEST) is None
    assert cache.stored_source(DIGEST) is None  # a second warning would be an error
    assert len(caught) == 1


def test_a_home_that_cannot_be_named_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IRGRAD_CACHE_DIR")
    monkeypatch.chdir(tmp_path)
    # What platformdirs 4.3 answers to a user without a home.
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: Path("~/.cache/irgrad"))
    with pytest.warns(CacheWarning, match="no home directory"):
        assert cache.store(SOURCE, DIGEST) is None
    assert list(tmp_path.iterdir()) == []


STORE_TWICE = """
SOURCE = {source!r}
from irgrad.runtime.cache import cache_directory, store
from irgrad.runtime.load import load_module
import numpy as np
{prepare}
print(store(SOURCE, "ab") or store(SOURCE, "ab"), load_module(SOURCE, "cd", jit=False).total(
    np.arange(4.0)))
"""

# What is done in the child before the cache is first used.
AS_NOBODY = "import os\nif os.geteuid() == 0: os.setgid(54321), os.setuid(54321)"
NO_USER = """
import pwd
def unknown(number): raise KeyError(number)
pwd.getpwuid = unknown
"""
FULL_DISK = """
import resource  # writes beyond so many bytes fail after a part, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
"""


@pytest.mark.skipif(not POSIX, reason="users and limits of POSIX")
@pytest.mark.parametrize("prepare", [AS_NOBODY, NO_USER, FULL_DISK])
def test_where_nothing_can_be_written_memory_serves(
    prepare: str, tmp_path: Path, children: Any
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if prepare == AS_NOBODY:
        # Reached by every user, written by none (root drops its rights in the child).
        home.chmod(0o555)
        for parent in (tmp_path, *tmp_path.parents[:3]):
            if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    output, errors = children.run(
        STORE_TWICE.format(source=SOURCE, prepare=prepare),
        IRGRAD_CACHE_DIR=None,
        XDG_CACHE_HOME=None,
        HOME=None if prepare == NO_USER else str(home),
    )
    assert output == "None 14.0"
    assert errors.count("CacheWarning: ") == 1, errors
    assert "kept in memory only" in errors
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if path.stat().st_size] == []
    assert not (tmp_path / "~").exists()


TEXT = SOURCE + "# " + "filler " * 200_000 + "\n"

STORE_AT_ONCE = """
import os, signal, sys, time
from pathlib import Path
from irgrad.runtime import cache

role, gate, text = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).read_text()

def die(partial, final):  # with the lock held, the file written, the rename outstanding
    gate.touch()
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)

if role == "killed":
    os.replace = die
else:
    print("ready", flush=True)
    while not gate.exists():
        time.sleep(0.001)
print(cache.store(text, "ab"))
assert cache.stored_source("ab") == text
"""


@pytest.mark.skipif(not POSIX, reason="SIGKILL")
def test_concurrent_writers_one_killed_mid_write(
    tmp_path: Path, directory: Path, children: Any
) -> None:
    gate, text = tmp_path / "gate", tmp_path / "text"
    text.write_text(TEXT)
    alive = [children.start(STORE_AT_ONCE, "alive", gate, text) for _ in range(5)]
    for child in alive:
        assert child.stdout.readline() == "ready\n"
    killed = children.start(STORE_AT_ONCE, "killed", gate, text)
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    for child in alive:
        output, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
        assert output.strip() == str(directory / "irgrad_ab.py")
        assert "Warning" not in errors
    assert cache.stored_source("ab") == TEXT
    assert [entry.digest for entry in cache.cache_entries()] == ["ab"]


@pytest.mark.skipif(not POSIX, reason="SIGKILL")
def test_what_a_killed_writer_leaves_is_no_entry(
    tmp_path: Path, directory: Path, children: Any
) -> None:
    gate, text = tmp_path / "gate", tmp_path / "text"
    text.write_text(TEXT)
    children.start(STORE_AT_ONCE, "killed", gate, text).communicate(timeout=60)
    (partial,) = directory.glob(f".*{cache.PARTIAL}")
    assert partial.stat().st_size > len(TEXT)
    assert cache.stored_source("ab") is None
    assert cache.cache_entries() == []
    assert cache.store(SOURCE, "ab") is not None  # its lock is free
    assert partial.exists()  # it might be a living writer's
    old = time.time() - 2 * cache.PARTIAL_KEPT_SECONDS
    os.utime(partial, (old, old))
    cache.store(SOURCE, "cd")
    assert not partial.exists()


def test_an_interrupted_write_leaves_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*names: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.store(SOURCE, DIGEST)
    assert [path.name for path in directory.iterdir()] == [cache.LOCK]
    assert cache.store(SOURCE, DIGEST) is not None


def test_listing_and_clearing(directory: Path) -> None:
    first, second = cache.store(SOURCE, "aa"), cache.store("x = 1\n", "bb")
    assert first is not None
    assert second is not None
    os.utime(first, (1.0, 1.0))
    (directory / "irgrad_aa.total-1234.nbc").write_bytes(b"1234")
    (directory / "irgrad_bb.py.quarantined").write_bytes(b"12")
    (directory / "notes.txt").write_text("not irgrad's")
    newest, oldest = cache.cache_entries()
    assert (newest.digest, newest.machine_code_files) == ("bb", 0)
    assert (oldest.digest, oldest.machine_code_files) == ("aa", 1)
    assert oldest.size == first.stat().st_size + 4
    assert cache.cache_size() == oldest.size + newest.size + 2
    assert cache.purge("aa") == 2
    assert [entry.digest for entry in cache.cache_entries()] == ["bb"]
    assert cache.clear_cache() == 2
    assert cache.cache_size() == 0
    assert {path.name for path in directory.iterdir()} == {cache.LOCK, "notes.txt"}


def test_purge_spares_longer_digests() -> None:
    cache.store(SOURCE, "ab")
    cache.store(SOURCE, "abc")
    cache.purge("ab")
    assert [entry.digest for entry in cache.cache_entries()] == ["abc"]


def test_a_text_is_verified_by_its_fingerprint() -> None:
    recorded = cache.fingerprint(SOURCE)
    assert recorded == hashlib.sha256(SOURCE.encode()).hexdigest()
    cache.verify_source(SOURCE, recorded)
    with pytest.raises(IrgradError, match="damaged or edited"):
        cache.verify_source(SOURCE.replace("*", "+"), recorded)

"""Settings that every test shares: caches of its own, hypothesis, and golden files."""

import os
import shutil
import tempfile
from collections.abc import Iterator

import hypothesis
import pytest

# Under pytest-xdist the workers inherit the directories from the process that starts them: what
# one worker compiled, the others find. Set here and not in a fixture, since irgrad and numba
# read them when they are imported, and collecting the doctests imports both.
CACHE_VARIABLES = ("IRGRAD_CACHE_DIR", "NUMBA_CACHE_DIR")
STARTED_HERE = "PYTEST_XDIST_WORKER" not in os.environ
CACHE_ROOT = tempfile.mkdtemp(prefix="irgrad-tests-") if STARTED_HERE else ""
if STARTED_HERE:
    for variable in CACHE_VARIABLES:
        os.environ[variable] = os.path.join(CACHE_ROOT, variable.lower())

# The same examples every time: a failure in CI is a failure at the desk.
hypothesis.settings.register_profile(
    "irgrad",
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("irgrad")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --update-golden."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite golden files (and the README's emitted source) instead of comparing",
    )


def pytest_unconfigure() -> None:
    """Remove the caches once every worker has stopped."""
    if STARTED_HERE:
        shutil.rmtree(CACHE_ROOT, ignore_errors=True)


@pytest.fixture(autouse=True, scope="session")
def run_every_stage() -> Iterator[None]:
    """Let no test be answered by what another one stored, some with a stage of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("irgrad.specialise.recalled", lambda key: None)
        yield


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Tell whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))

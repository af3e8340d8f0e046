"""Hold every library to so many threads; to be called before any of them is imported."""

from __future__ import annotations

import os


def limit(count: int) -> None:
    """Set the variables that OpenBLAS, MKL, OpenMP, numba and XLA read when they are imported.

    XLA has no switch for a number, only for one thread or as many as it likes.
    """
    for name in (
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ):
        os.environ[name] = str(count)
    if count == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = " ".join(filter(None, [os.environ.get("XLA_FLAGS"), flags]))

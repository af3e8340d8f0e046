"""C functions of SciPy that emitted files call, bound by the name of a symbol.

SciPy exports the C entry points of its special functions, of BLAS and of LAPACK in the tables
``__pyx_capi__`` of three Cython modules. An emitted file that needs some of them binds each in its
header: it looks the address up, tells LLVM's linker of it under the symbol ``irgrad_<name>``, and
declares an external function by that symbol. Machine code then holds a name, not an address of one
process, so that it can be kept on disk. Without numba the same file takes the special functions
from ``scipy.special``, and calls BLAS and LAPACK through ctypes.

To use an entry, call it by its name in an op's expression or in the text of a kernel. BLAS and
LAPACK take addresses only: pass arrays as ``a.ctypes``, and sizes, flags and scalars as arrays of
one element (int32, uint8, and the dtype of the numbers).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

__all__ = ["ENTRIES", "Entry", "capsule_text", "declared"]

SPECIAL = "scipy.special.cython_special"
BLAS = "scipy.linalg.cython_blas"
LAPACK = "scipy.linalg.cython_lapack"


@dataclass(frozen=True, slots=True)
class Entry:
    """One C function.

    name: what emitted code calls it; module: the Cython module that exports it; entry: its name
    there, mangled where Cython made it for several types; arguments: how many it takes, all
    float64 for special functions, all addresses for BLAS and LAPACK; plain: the function of
    `scipy.special` that computes the same.
    """

    name: str
    module: str
    entry: str
    arguments: int
    plain: str = ""


def _special(
    scipy_name: str, arguments: int = 1, *, variant: int | None = None, name: str = ""
) -> Entry:
    mangled = scipy_name if variant is None else f"__pyx_fuse_{variant}{scipy_name}"
    return Entry(name or scipy_name, SPECIAL, mangled, arguments, scipy_name)


_SPECIAL = (
    _special("psi", variant=1, name="digamma"),
    _special("gamma", variant=1, name="gamma_function"),
    _special("gammaln"),
    _special("gammasgn"),
    _special("rgamma", variant=1),
    _special("loggamma", variant=1),
    _special("beta", 2, name="beta_function"),
    _special("betaln", 2),
    _special("gammainc", 2),
    _special("gammaincc", 2),
    _special("gammaincinv", 2),
    _special("gammainccinv", 2),
    _special("betainc", 3, variant=0),
    _special("betaincc", 3, variant=0),
    _special("betaincinv", 3, variant=0),
    _special("betainccinv", 3, variant=0),
    _special("stdtr", 2, variant=0),
    _special("stdtrit", 2, variant=0),
    _special("erfinv", variant=0),
    _special("erfcinv"),
    _special("erfcx", variant=1),
    _special("ndtr", variant=1),
    _special("ndtri"),
    _special("log_ndtr", variant=1),
    _special("i0", name="bessel_i0"),
    _special("i1", name="bessel_i1"),
    _special("i0e", name="bessel_i0e"),
    _special("i1e", name="bessel_i1e"),
    _special("iv", 2, variant=1, name="bessel_iv"),
    _special("ive", 2, variant=1, name="bessel_ive"),
    _special("j0", name="bessel_j0"),
    _special("j1", name="bessel_j1"),
    _special("jv", 2, variant=1, name="bessel_jv"),
    _special("y0", name="bessel_y0"),
    _special("y1", name="bessel_y1"),
    _special("yv", 2, variant=1, name="bessel_yv"),
    _special("kv", 2, variant=1, name="bessel_kv"),
    _special("kve", 2, variant=1, name="bessel_kve"),
    _special("binom", 2, name="binomial"),
)

# Routines by the number of their arguments; each in single and in double precision.
_BLAS = {"trsm": 11, "trmm": 11, "syrk": 10, "gemm": 13, "symm": 12, "trsv": 8}
_LAPACK = {
    "potrf": 5,
    "potrs": 8,
    "potri": 5,
    "trtrs": 10,
    "trtri": 6,
    "trsyl": 13,
    "getrf": 6,
    "getrs": 9,
    "getri": 7,
    "gesv": 8,
    "gbsv": 10,
    "gbtrf": 8,
    "gbtrs": 11,
    "geqrf": 8,
    "orgqr": 9,
    "geev": 14,
    "syevd": 11,
    "gesdd": 14,
}
# Routines of complex numbers too, in single and in double precision.
_COMPLEX = {
    "trsm": 11,
    "trsv": 8,
    "potrf": 5,
    "getrf": 6,
    "getrs": 9,
    "gbtrf": 8,
    "gbtrs": 11,
    "geqrf": 8,
    "orgqr": 9,
    "geev": 14,
    "gees": 15,
}
_OTHER_NAMES = {"orgqr": "ungqr"}
"""What LAPACK calls a routine in complex numbers where that is not the name it has in real ones."""

ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        *_SPECIAL,
        *(
            Entry(f"{precision}{routine}", module, f"{precision}{routine}", arguments)
            for module, routines in ((BLAS, _BLAS), (LAPACK, _LAPACK))
            for routine, arguments in routines.items()
            for precision in "sd"
        ),
        *(
            Entry(
                f"{precision}{routine}",
                BLAS if routine in _BLAS else LAPACK,
                f"{precision}{_OTHER_NAMES.get(routine, routine)}",
                arguments,
            )
            for routine, arguments in _COMPLEX.items()
            for precision in "cz"
        ),
    )
}
"""Every entry by the name that emitted code calls it."""


def declared(entry: Entry) -> str:
    """Return the C declaration by which irgrad calls a special function."""
    return f"double ({'double, ' * entry.arguments}int __pyx_skip_dispatch)"


def capsule_text(entry: Entry) -> str:
    """Return the C declaration that the installed SciPy gives an entry.

    Raises: KeyError where it exports no such function.
    """
    capsule = importlib.import_module(entry.module).__pyx_capi__[entry.entry]
    return repr(capsule).split('"')[1]

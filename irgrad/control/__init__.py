"""Loops and branches known only at run time, with JAX's signatures.

On plain numbers and arrays they run as ordinary Python; inside a compiled function their bodies
are traced once, and become ``loop``, ``while`` and ``branch`` ops.
"""

from irgrad.control.branches import cond, switch
from irgrad.control.loops import fori_loop, while_loop
from irgrad.control.scan import scan

__all__ = ["cond", "fori_loop", "scan", "switch", "while_loop"]

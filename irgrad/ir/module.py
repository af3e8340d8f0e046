"""What emission yields: one Python file as text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmittedModule:
    """A complete, standalone Python file.

    ``digest`` is also in the names of its functions: ``value`` names the function of the value,
    ``value_and_grad`` the one of value and gradient, None where the file has none.
    """

    source: str
    digest: str
    functions: tuple[str, ...]

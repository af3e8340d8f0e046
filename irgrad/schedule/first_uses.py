"""Large arrays allocated where they are first used, behind the last use of others.

A compiled function gives an array's memory back after the last statement that names it, so one
that is allocated behind that statement doesn't add to the peak. A network's weight gradients, the
largest of what it returns, then come when its activations are gone.
"""

from __future__ import annotations

from collections.abc import Sequence

from irgrad.ir import loops
from irgrad.schedule.reuse import arrays_behind, is_large, lives_of

View = loops.Slice | loops.Rearrange


def allocated_at_first_use(
    statements: Sequence[loops.Statement], returned: frozenset[str]
) -> list[loops.Statement]:
    """Return the statements with such arrays, and views of them, before what uses them first.

    Arrays that nothing large ends before stay where they are, at the head; those that only a loop
    uses are made before that loop. ``returned`` arrays never end. Linear.
    """
    looks_at = arrays_behind(statements)
    lives = lives_of(statements, looks_at)
    bound = {looks_at.get(name, name) for name in returned}
    large = {
        part.name
        for part in statements
        if isinstance(part, loops.Allocate) and is_large(part.shape) and part.name in lives
    }
    ended = min((lives[name][1] for name in large - bound), default=len(statements))
    moving = {name for name in large if lives[name][0] > ended}
    waiting: dict[int, list[loops.Statement]] = {}
    result: list[loops.Statement] = []
    for place, part in enumerate(statements):
        result += waiting.pop(place, ())
        root = None
        if isinstance(part, loops.Allocate):
            root = part.name
        elif isinstance(part, View):
            root = looks_at[part.name]
        if root in moving and place < lives[root][0]:
            waiting.setdefault(lives[root][0], []).append(part)
        else:
            result.append(part)
    return result


__all__ = ["allocated_at_first_use"]

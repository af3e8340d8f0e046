"""Functions that write results into arrays of their caller's instead of making them."""

from __future__ import annotations

from dataclasses import replace

from irgrad.ir import dims, loops


def into(function: loops.Function, name: str, count: int) -> loops.Function:
    """Return a function that takes its last ``count`` results, where they are arrays, as arguments.

    It returns the others. An array that the function makes once is the argument from the start; one
    that it gets otherwise, from a library or as memory of another's, is copied at the end. Linear.
    """
    wanted = [result for result in function.results[-count:] if result.shape]
    made = {part.name for part in function.body if isinstance(part, loops.Allocate)}
    made -= _bound_again(function.body)
    taken = set(loops.words(function.body)) | {argument.name for argument in function.arguments}
    arguments: list[loops.Argument] = []
    copies: list[loops.Statement] = []
    for result in wanted:
        own = result.name
        if own not in made:
            own = _fresh(f"{own}_out", taken)
            copies.append(loops.Copy(own, result.name))
        arguments.append(replace(result, name=own))
    given = {argument.name for argument in arguments}
    body: list[loops.Statement] = []
    for part in function.body:
        if not (isinstance(part, loops.Allocate) and part.name in given):
            body.append(part)
        elif part.fill is not None:
            body.append(loops.Fill(part.name, part.fill, part.dtype))
    checks = [
        loops.Check(f"{argument.name}.shape[{axis}]", "!=", dims.render(dim))
        for argument in arguments
        for axis, dim in enumerate(argument.shape)
    ]
    return replace(
        function,
        name=name,
        summary=f"{function.summary[:-1]}, written into arrays that are given.",
        arguments=(*function.arguments, *arguments),
        results=tuple(result for result in function.results if result not in wanted),
        checks=(*function.checks, *checks),
        body=(*body, *copies),
    )


def _bound_again(body: tuple[loops.Statement, ...]) -> set[str]:
    """Return the names that statements other than the first allocation bind to arrays."""
    found: set[str] = set()
    allocated: set[str] = set()
    for part in loops.every_statement(body):
        if isinstance(part, loops.Allocate):
            if part.name in allocated:
                found.add(part.name)
            allocated.add(part.name)
        elif isinstance(part, loops.Let | loops.Slice | loops.Rearrange):
            found.add(part.name)
        elif isinstance(part, loops.Grow):
            found.update(part.arrays)
    return found


def _fresh(wish: str, taken: set[str]) -> str:
    name, number = wish, 2
    while name in taken:
        name, number = f"{wish}_{number}", number + 1
    taken.add(name)
    return name

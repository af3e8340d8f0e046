"""Code written for a class of models: it reads those that are alike and refuses the rest."""

from __future__ import annotations

import copy
from typing import Any

import optree
import pytest

from irgrad.arguments import NAMESPACE, register_dataclasses
from irgrad.models import take_apart
from irgrad.runtime.objects import building, reading


class Number:
    __slots__ = ("data",)

    def __init__(self, data: float) -> None:
        self.data = data


class Cell:
    def __init__(self, first: float, holds: type = Number) -> None:
        self.kind = "cell"
        self.weights = [holds(first + k) for k in range(3)]
        self.named = {"bias": holds(first - 1.0), 2: (holds(0.5), holds(0.25))}
        self.helper = print
        self.nothing: list[Any] = []

    def parameters(self) -> list[Any]:
        return [self.named["bias"], *self.weights, *self.named[2]]


class Model:
    def __init__(self, holds: type = Number) -> None:
        self.cells = [Cell(float(k), holds) for k in range(4)]
        self.scale = 0.1

    def parameters(self) -> list[Any]:
        return [x for cell in reversed(self.cells) for x in cell.parameters()]


def read(model: Any) -> Any:
    lines = ["def read(model):"]
    scope: dict[str, Any] = {}
    found = reading(model, "model", lines, scope)
    assert found is not None
    exec("\n".join([*lines, f"    return {found}"]), scope)
    return scope["read"]


@pytest.mark.parametrize("holds", [Number, float])
def test_numbers_come_in_the_order_of_the_parameters(holds: type) -> None:
    model = Model(holds)
    code = read(model)
    assert code(model) == list(take_apart(model)[0])
    model.cells[2].weights[1] = holds(7.5)
    assert code(model) == list(take_apart(model)[0])
    assert 7.5 in code(model)


def renamed(model: Model) -> None:
    model.cells[0].kind = "other"


def lengthened(model: Model) -> None:
    model.cells[1].weights.append(Number(1.0))


def shortened(model: Model) -> None:
    model.cells.pop()


def given_an_attribute(model: Model) -> None:
    model.cells[3].frozen = True  # type: ignore[attr-defined]


def without_an_attribute(model: Model) -> None:
    del model.cells[3].helper


def with_other_keys(model: Model) -> None:
    model.cells[0].named["more"] = 1


def with_another_number(model: Model) -> None:
    model.scale = 0.2


def with_a_number_of_another_type(model: Model) -> None:
    model.scale = 1  # equal to no float that was there


def with_another_helper(model: Model) -> None:
    model.cells[0].helper = repr  # type: ignore[assignment]


def with_a_parameter_of_another_class(model: Model) -> None:
    class Other(Number):
        pass

    model.cells[0].weights[0] = Other(1.0)


def tied(model: Model) -> None:
    model.cells[0].weights[0] = model.cells[1].weights[0]


def of_a_subclass(model: Model) -> None:
    class Sub(Cell):
        pass

    model.cells[0].__class__ = Sub


@pytest.mark.parametrize(
    "change",
    [
        renamed, lengthened, shortened, given_an_attribute, without_an_attribute, with_other_keys,
        with_another_number, with_a_number_of_another_type, with_another_helper,
        with_a_parameter_of_another_class, tied, of_a_subclass,
    ],
)  # fmt: skip
def test_whatever_tells_models_apart_is_noticed(change: Any) -> None:
    model = Model()
    code = read(model)
    change(model)
    with pytest.raises(LookupError):
        code(model)


def test_what_is_built_is_what_optree_builds() -> None:
    model = Model()
    register_dataclasses(model)
    structure = optree.tree_structure(model, namespace=NAMESPACE)  # type: ignore[arg-type]
    build = building(structure)
    assert build is not None
    leaves = [float(k) for k in range(structure.num_leaves)]
    ours, theirs = build(leaves), optree.tree_unflatten(structure, leaves)

    def shown(value: Any) -> Any:
        if isinstance(value, Model | Cell):
            return type(value), {name: shown(part) for name, part in vars(value).items()}
        if isinstance(value, list | tuple):
            return type(value), [shown(part) for part in value]
        return {k: shown(v) for k, v in value.items()} if isinstance(value, dict) else value

    assert shown(ours) == shown(theirs)
    assert ours.parameters() == leaves
    assert build(leaves).cells[0].weights is not ours.cells[0].weights


class Copied(Model):
    """It says itself how it is copied."""

    def __copy__(self) -> Copied:
        twin = Copied.__new__(Copied)
        twin.__dict__.update(self.__dict__, scale=-1.0)
        return twin


class Looped(Model):
    def __init__(self) -> None:
        super().__init__()
        self.me = self


@pytest.mark.parametrize("kind", [Copied, Looped])
def test_models_made_in_other_ways_are_left_to_their_classes(kind: Any) -> None:
    model = kind()
    register_dataclasses(model)
    assert building(optree.tree_structure(model, namespace=NAMESPACE)) is None
    assert copy.copy(model) is not model

"""Scalar factors of products that are results come before the product where that is free."""

import numpy as np
import pytest


def scaled(x, y, s):
    return np.sin(x) @ y * np.exp(s)


def divided(x, y, s):
    return (np.sin(x) @ y) / np.exp(s)


@pytest.mark.parametrize("function", [scaled, divided])
def test_an_operand_made_element_by_element_takes_the_factor(function, compare, check):
    compared = compare(function, x="n d", y="d k", s="")
    assert compared.after.outputs[0].op.name == "contract"
    check(compared, "ordinary")


def test_operands_from_outside_and_others_in_use_stay_as_they_are(compare, check):
    def given(x, y, s):
        return (x @ y) * s

    def used_again(x, y, s):
        z = np.sin(x)
        return (z @ y) * s + np.sum(z)

    for function in (given, used_again):
        compared = compare(function, x="n d", y="d k", s="")
        assert compared.after.outputs[0].op.name != "contract"
        check(compared, "ordinary")


def test_a_factor_that_needs_the_operand_comes_after(compare, check):
    def normalised(x, y):
        z = np.sin(x)
        return (z @ y) / np.sum(z)

    compared = compare(normalised, x="n d", y="d k")
    assert compared.after.outputs[0].op.name == "divide"
    check(compared, "ordinary")


def test_longer_operands_and_vectors_are_left_alone(compare, check):
    for shapes in ({"x": "n d", "y": "d"}, {"x": "n", "y": "n d"}, {"x": "k n d", "y": "d"}):
        compared = compare(lambda x, y, s: s * (np.sin(x) @ y), **shapes, s="")
        assert compared.after.outputs[0].op.name == "multiply"
        check(compared, "ordinary")


def test_divisors_of_rows_leave_sums_of_products(compare, check):
    def weighted(x, y, u):
        return np.sum(x * (y / u[:, None]), axis=1)

    def multiplied(x, y, u):
        return np.sum((u[:, None] * y) * x, axis=1)

    for function, op in ((weighted, "divide"), (multiplied, "multiply")):
        compared = compare(function, x="n d", y="n d", u="n")
        last = compared.after.outputs[0]
        assert last.op.name == op
        assert any(operand.op.name == "sum" for operand in last.inputs)
        check(compared, "ordinary")

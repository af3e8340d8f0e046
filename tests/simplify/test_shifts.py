"""The maximum in a log-sum-exp takes no part in its gradient; elsewhere its cotangent stays."""

import numpy as np
import pytest

from irgrad.interpret.evaluate import evaluate


def plain(z):
    m = np.max(z, axis=1)
    return np.sum(m + np.log(np.sum(np.exp(z - m[:, None]), axis=1)))


def kept(z):
    m = np.max(z, axis=1, keepdims=True)
    return -np.mean(m + np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)))


def squared(z):
    m = np.max(z, axis=1)
    return np.sum((np.log(np.sum(np.exp(z - m[:, None]), axis=1)) + m) ** 2)


def first_axis(z):
    m = np.max(z, axis=0)
    return np.sum((m + np.log(np.sum(np.exp(z - m), axis=0))) * z[0])


def whole(z):
    m = np.max(z)
    return 3 * (m + np.log(np.sum(np.exp(z - m))))


def log_softmax(z):
    m = np.max(z, axis=1, keepdims=True)
    return -np.sum((z - m - np.log(np.sum(np.exp(z - m), axis=1, keepdims=True))) * z**2) / 3


SHIFTED = [plain, kept, squared, first_axis, whole]


def softmax(z, axis):
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@pytest.mark.parametrize("function", SHIFTED)
def test_the_maximum_drops_out_of_the_gradient(function, compare):
    compared = compare(function, z="n d")
    before, after, _ = compared.gradients()
    assert {"equal", "select"} <= {node.op.name for node in before.nodes}
    assert not {"equal", "select"} & {node.op.name for node in after.nodes}
    assert [node.op.name for node in after.nodes].count("exp") == 1
    arguments = compared.arguments()
    results = evaluate(after, *arguments), evaluate(before, *arguments)
    for value, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-12, atol=1e-14)


def test_the_gradient_is_the_softmax(compare):
    compared = compare(plain, z="n d")
    (z,) = compared.arguments()
    _, after, _ = compared.gradients()
    np.testing.assert_allclose(evaluate(after, z)[1], softmax(z, 1), rtol=1e-14)


def test_ties_for_the_maximum_change_nothing(compare):
    compared = compare(plain, z="n d")
    z = np.array([[1.0, 1.0, 0.0, -2.0]] * 6)
    _, after, _ = compared.gradients()
    np.testing.assert_allclose(evaluate(after, z)[1], softmax(z, 1), rtol=1e-14)


def test_nan_and_infinity_still_show_in_the_gradient(compare):
    """A row with NaN, or with an infinity, has a gradient of NaN, as before."""
    compared = compare(plain, z="n d")
    (z,) = compared.arguments()
    z[1, 2] = np.nan
    z[3, 0] = np.inf
    before, after, _ = compared.gradients()
    with np.errstate(all="ignore"):
        wanted, value = evaluate(before, z)[1], evaluate(after, z)[1]
    assert np.isnan(value[[1, 3]]).all()
    np.testing.assert_allclose(value, wanted, rtol=1e-14)


def test_log_softmax_with_a_gradient_of_its_weights(compare, check):
    compared = compare(log_softmax, z="n d")
    _, after, _ = compared.gradients()
    assert "equal" not in {node.op.name for node in after.nodes}
    check(compared, "ordinary")


def test_the_gradient_of_a_maximum_that_counts_stays(compare, check):
    """Without ``+ m`` the value depends on the maximum."""

    def unshifted(z):
        m = np.max(z, axis=1)
        return np.sum(np.log(np.sum(np.exp(z - m[:, None]), axis=1)))

    compared = compare(unshifted, z="n d")
    _, after, _ = compared.gradients()
    assert "equal" in {node.op.name for node in after.nodes}
    check(compared, "ordinary")


def test_a_difference_of_equal_numbers_is_left_to_run_time(compare, check):
    """x - x is NaN at infinities: only the cotangent's difference is known to be zero."""
    check(compare(lambda x: x - x, x="m"), "bits")
    check(compare(lambda x, y: x - (x / y) * y, x="m", y="m"), "bits")


def test_zeros_shared_by_another_mask_stay(compare, check):
    def function(c, x):
        count = np.sum(c).astype(np.float64)
        zero = x.lift(np.float64(0))
        return np.where(x > 0, zero / count, 0.0), np.where(c, zero / count, 0.0)

    other = compare(lambda c, x: function(c, x)[0], c="bool:m", x="m")
    assert "divide" in other.ops
    same = compare(lambda c, x: function(c, x)[1], c="bool:m", x="m")
    assert same.ops == ["full"]
    check(same, "bits")

"""What is computed where it is read, and what is stored."""

import numpy as np

import irgrad


def test_thousands_of_numbers_added_one_by_one_are_no_depth_of_calls():
    offsets = np.linspace(-1.0, 1.0, 3000)

    def shifted(x):
        for offset in offsets:
            x = np.abs(x + offset)
        return np.sum(x)

    def only_shifted(x):
        for offset in offsets:
            x = x + offset
        return np.sum(x * x)

    x = np.array([0.5, -0.25, 2.0])
    for function in (shifted, only_shifted):
        value, gradient = irgrad.value_and_grad(function)(x)
        np.testing.assert_allclose(value, function(x), rtol=1e-12)
        step = 1e-6 * np.eye(3)
        differences = [(function(x + h) - function(x - h)) / 2e-6 for h in step]
        np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-6)


def test_places_along_an_axis_take_no_memory():
    def weighted(x):
        places = np.arange(x.size) + 1
        return np.sum(np.where(places[:, None] > np.arange(x.size), x[:, None] * x, 0.0))

    f = irgrad.compile(weighted)
    x = np.array([0.5, -0.25, 2.0])
    np.testing.assert_allclose(f(x), weighted(x), rtol=1e-14)
    assert "arange" not in f.source

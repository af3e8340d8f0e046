"""SciPy's functions where SciPy itself can't see that an argument is traced.

``from irgrad.scipy import special, stats`` takes the place of ``from scipy import special, stats``:
the same signatures, on traced values and on plain arrays.
"""

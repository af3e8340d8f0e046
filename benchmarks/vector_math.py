"""Branch-free float64 kernels that LLVM vectorises; what the hand-written contenders call.

pip's numba has no vector math library behind it, so `math.exp` in a loop is one libm call an
element. These kernels are plain arithmetic and bit work: inlined into a loop they become SIMD code.
They cover the range that the problems need (finite arguments, no subnormal results), not more.

Reference: the reductions are Cody & Waite, "Software Manual for the Elementary Functions" (1980),
with the split constants of fdlibm; the coefficients are Taylor's, cut off below half an ulp on the
reduced interval, or (arctan) those of Cephes' atan.c.
"""

from __future__ import annotations

import numpy as np
from numba import njit

EXACT = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
LOOP = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},
}

_ROUND = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to an integer kept in the low bits
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_TWO_52 = 4503599627370496.0
_TWO_OVER_PI = 0.6366197723675814
_PIO2_1 = 1.57079632673412561417e00
_PIO2_2 = 6.07710050630396597660e-11
_PIO2_3 = 2.02226624871116645580e-21
_PI_2 = 1.5707963267948966
_PI_4 = 0.7853981633974483
_PI_2_LOW = 6.123233995736766e-17


@njit(**EXACT)
def _exp_tail(r):
    """Return (exp(r) - 1 - r) / r**2 for |r| <= ln(2)/2, pairs of terms evaluated side by side."""
    r2 = r * r
    r4 = r2 * r2
    a = 0.5 + r * 1.6666666666666666e-01
    b = 4.1666666666666664e-02 + r * 8.3333333333333332e-03
    c = 1.3888888888888889e-03 + r * 1.9841269841269841e-04
    d = 2.4801587301587302e-05 + r * 2.7557319223985893e-06
    e = 2.7557319223985888e-07 + r * 2.5052108385441720e-08
    f = 2.0876756987868100e-09 + r * 1.6059043836821613e-10
    return (a + r2 * b) + r4 * ((c + r2 * d) + r4 * (e + r2 * f))


@njit(**EXACT)
def exp(x):
    """Return exp(x); arguments below -708 or above 709 are taken as those."""
    x = min(max(x, -708.0), 709.0)
    t = x * _LOG2_E + _ROUND
    k = t - _ROUND
    r = x - k * _LN2_HIGH - k * _LN2_LOW
    p = 1.0 + (r + r * r * _exp_tail(r))
    bits = np.float64(p).view(np.int64) + (np.float64(t).view(np.int64) << 52)
    return np.int64(bits).view(np.float64)


@njit(**EXACT)
def expm1(x):
    """Return exp(x) - 1 without cancellation, for x in [-708, 709]."""
    x = min(max(x, -708.0), 709.0)
    t = x * _LOG2_E + _ROUND
    k = t - _ROUND
    r = x - k * _LN2_HIGH - k * _LN2_LOW
    q = r + r * r * _exp_tail(r)
    # 2**k: for k = 1024 it would overflow, but |x| <= 709 keeps k at most 1023
    power = np.int64((np.float64(t).view(np.int64) + np.int64(1023)) << 52).view(np.float64)
    return power * q + (power - 1.0)


@njit(**EXACT)
def _atanh_tail(q):
    """Return sum of q**j / (2 j + 3), j = 0..9, enough for q <= 0.0295."""
    q2 = q * q
    q4 = q2 * q2
    a = 1.0 / 3.0 + q * (1.0 / 5.0)
    b = 1.0 / 7.0 + q * (1.0 / 9.0)
    c = 1.0 / 11.0 + q * (1.0 / 13.0)
    d = 1.0 / 15.0 + q * (1.0 / 17.0)
    e = 1.0 / 19.0 + q * (1.0 / 21.0)
    return (a + q2 * b) + q4 * ((c + q2 * d) + q4 * e)


@njit(**EXACT)
def log(x):
    """Return log(x) for positive normal x: the mantissa moved to [sqrt(1/2), sqrt(2))."""
    bits = np.float64(x).view(np.int64)
    # subtracting the bits of sqrt(1/2) puts the exponent that we want into the top bits
    shifted = bits - np.int64(0x3FE6A09E667F3BCD)
    exponent_bits = (shifted >> 52) << 52
    m = np.int64(bits - exponent_bits).view(np.float64)
    # integer to float without a conversion: the biased exponent as the mantissa of 2**52
    biased = ((shifted + np.int64(1023 << 52)) >> 52) | np.int64(0x4330000000000000)
    k = np.int64(biased).view(np.float64) - (_TWO_52 + 1023.0)
    f = m - 1.0
    s = f / (2.0 + f)
    q = s * s
    # log(m) = 2 s + 2 s q T = f - s (f - 2 q T): adding a small correction to the exact f
    return k * _LN2_HIGH + (f - (s * (f - 2.0 * q * _atanh_tail(q)) - k * _LN2_LOW))


@njit(**EXACT)
def log1p(x):
    """Return log(1 + x) for x > -1, corrected for the rounding of 1 + x."""
    u = 1.0 + x
    lost = (x - (u - 1.0)) if u <= 2.0 else (1.0 - (u - x))
    return log(u) + lost / u


@njit(**EXACT)
def log1p_unit(e):
    """Return log(1 + e) for 0 <= e <= 1 as 2 atanh(e / (2 + e))."""
    s = e / (2.0 + e)
    q = s * s
    q2 = q * q
    q4 = q2 * q2
    q8 = q4 * q4
    a = (1.0 / 3.0 + q * (1.0 / 5.0)) + q2 * (1.0 / 7.0 + q * (1.0 / 9.0))
    b = (1.0 / 11.0 + q * (1.0 / 13.0)) + q2 * (1.0 / 15.0 + q * (1.0 / 17.0))
    c = (1.0 / 19.0 + q * (1.0 / 21.0)) + q2 * (1.0 / 23.0 + q * (1.0 / 25.0))
    d = (1.0 / 27.0 + q * (1.0 / 29.0)) + q2 * (1.0 / 31.0 + q * (1.0 / 33.0))
    return 2.0 * s + 2.0 * s * q * ((a + q4 * b) + q8 * (c + q4 * d))


@njit(**EXACT)
def tanh(x):
    """Return tanh(x) from expm1(-2 |x|), so small arguments keep their digits."""
    em1 = expm1(-2.0 * min(abs(x), 20.0))
    y = -em1 / (2.0 + em1)
    return y if x >= 0.0 else -y


@njit(**EXACT)
def sincos(x):
    """Return sin(x) and cos(x) for |x| < 1e5, both from one reduction."""
    t = x * _TWO_OVER_PI + _ROUND
    k = t - _ROUND
    r = ((x - k * _PIO2_1) - k * _PIO2_2) - k * _PIO2_3
    quadrant = np.float64(t).view(np.int64)
    q = r * r
    s = -7.6471637318198165e-13 + q * 2.8114572543455206e-15
    s = 1.6059043836821613e-10 + q * s
    s = -2.5052108385441720e-08 + q * s
    s = 2.7557319223985893e-06 + q * s
    s = -1.9841269841269841e-04 + q * s
    s = 8.3333333333333332e-03 + q * s
    s = -1.6666666666666666e-01 + q * s
    sine = r + r * q * s
    c = 4.7794773323873853e-14 - q * 1.5619206968586225e-16
    c = -1.1470745597729725e-11 + q * c
    c = 2.0876756987868099e-09 + q * c
    c = -2.7557319223985888e-07 + q * c
    c = 2.4801587301587302e-05 + q * c
    c = -1.3888888888888889e-03 + q * c
    c = 4.1666666666666664e-02 + q * c
    cosine = 1.0 - (0.5 * q - q * q * c)
    swap = (quadrant & 1) != 0
    sine_out = cosine if swap else sine
    cosine_out = sine if swap else cosine
    sine_out = -sine_out if (quadrant & 2) != 0 else sine_out
    cosine_out = -cosine_out if ((quadrant + 1) & 2) != 0 else cosine_out
    return sine_out, cosine_out


@njit(**EXACT)
def arctan(x):
    """Return arctan(x): three ranges by selection, one rational function.

    Reference: S. L. Moshier, Cephes Mathematical Library, atan.c.
    """
    a = abs(x)
    big = a > 2.41421356237309504880
    middle = a > 0.66
    numerator = -1.0 if big else (a - 1.0 if middle else a)
    denominator = a if big else (a + 1.0 if middle else 1.0)
    offset = _PI_2 if big else (_PI_4 if middle else 0.0)
    low = _PI_2_LOW if big else (0.5 * _PI_2_LOW if middle else 0.0)
    r = numerator / denominator
    z = r * r
    p = -8.750608600031904122785e-1
    p = p * z - 1.615753718733365076637e1
    p = p * z - 7.500855792314704667340e1
    p = p * z - 1.228866684490136173410e2
    p = p * z - 6.485021904942025371773e1
    q = z + 2.485846490142306297962e1
    q = q * z + 1.650270098316988542046e2
    q = q * z + 4.328810604912902668951e2
    q = q * z + 4.853903996359136964868e2
    q = q * z + 1.945506571482613964425e2
    y = offset + (r + (r * z * p / q + low))
    return y if x >= 0.0 else -y

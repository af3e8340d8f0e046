"""Losses over sequences of scalars: values, numbers, or what a compiled function is traced with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from irgrad.errors import ArgumentError
from irgrad.nn.neuron import relu
from irgrad.ops import elementwise as elementary


def squared_error(predictions: Sequence[Any], targets: Sequence[Any]) -> Any:
    """Return the mean of ``(prediction - target)**2``.

    Raises: ArgumentError where there are not as many targets as predictions.
    """
    _check(predictions, targets)
    return _mean([(p - t) ** 2 for p, t in zip(predictions, targets, strict=True)])


def hinge(scores: Sequence[Any], labels: Sequence[Any]) -> Any:
    """Return the mean of ``max(0, 1 - label * score)``, labels being -1 and 1.

    Raises: ArgumentError where there are not as many labels as scores.

    Reference: Cortes & Vapnik, Support-vector networks (1995).
    """
    _check(scores, labels)
    return _mean([relu(1 - label * s) for s, label in zip(scores, labels, strict=True)])


def cross_entropy(logits: Sequence[Sequence[Any]], classes: Sequence[int]) -> Any:
    """Return the mean of ``log(sum(exp(logits))) - logits[class]`` over samples.

    ``logits``: for each sample the scores of the classes; ``classes``: each sample's class, from 0.
    The sum is taken pairwise by ``logaddexp``, which neither overflows nor cancels.

    Raises: ArgumentError where there are not as many classes as samples.
    """
    _check(logits, classes)
    terms = []
    for scores, chosen in zip(logits, classes, strict=True):
        total = scores[0]
        for score in scores[1:]:
            total = elementary.logaddexp(total, score)
        terms.append(total - scores[chosen])
    return _mean(terms)


def squared_norm(parameters: Iterable[Any]) -> Any:
    """Return the sum of squares: the L2 penalty, but for its factor."""
    return sum(parameter * parameter for parameter in parameters)


def _mean(terms: Sequence[Any]) -> Any:
    return sum(terms) * (1.0 / len(terms))


def _check(outputs: Sequence[Any], targets: Sequence[Any]) -> None:
    if len(outputs) != len(targets) or len(outputs) == 0:
        raise ArgumentError(
            f"{len(outputs)} outputs and {len(targets)} targets",
            remedy="pass one target for each output, and at least one",
        )

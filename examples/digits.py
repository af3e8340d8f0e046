"""A network in plain NumPy learns handwritten digits; irgrad compiles its gradient."""

import numpy as np
from sklearn.datasets import load_digits

import irgrad
from irgrad.nn import Adam


def loss(parameters, X, Y):
    (W1, b1), (W2, b2) = parameters
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    z = z - np.max(z, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.sum(Y * z, axis=1))


def predict(parameters, X):
    (W1, b1), (W2, b2) = parameters
    return np.argmax(np.tanh(X @ W1 + b1) @ W2 + b2, axis=1)


def train(epochs=20, hidden=48, batch=32):
    """Return the share of test images recognised after training."""
    generator = np.random.default_rng(0)
    images = load_digits()
    order = generator.permutation(len(images.data))
    X, labels = images.data[order] / 16, images.target[order]
    (X_test, X), (labels_test, labels) = np.split(X, [360]), np.split(labels, [360])
    Y = np.eye(10)[labels]

    parameters = [
        (generator.normal(size=(64, hidden)) / 8, np.zeros(hidden)),
        (generator.normal(size=(hidden, 10)) / np.sqrt(hidden), np.zeros(10)),
    ]
    compiled = irgrad.compile(loss)
    optimiser = Adam(learning_rate=0.003)
    for epoch in range(1, epochs + 1):
        order = generator.permutation(len(X))
        for start in range(0, len(X), batch):
            chosen = order[start : start + batch]
            value, gradient = compiled.value_and_grad(parameters, X[chosen], Y[chosen])
            parameters = optimiser.step(parameters, gradient)
        right = np.mean(predict(parameters, X_test) == labels_test)
        print(f"epoch {epoch:2}: loss {value:.4f}, {right:.1%} of the test images right")
    return right


if __name__ == "__main__":
    train()

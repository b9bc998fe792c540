"""L2-regularised logistic regression, full batch, to convergence: Newton's method, compiled.

The objective is scikit-learn's: C · Σᵢ sᵢ · loss(yᵢ, zᵢ) + ½‖w‖², with the intercept unpenalised; two classes share one
weight vector (sigmoid), more have one each (softmax). ``A`` is the design (features + 1, rows) with one row of ones at
the end: planar, so that every inner loop runs along samples. Where a problem is too large for Newton's Hessian,
scikit-learn's L-BFGS is used instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .bitcast import bits_of_double, double_of_bits

ITERATIONS = 100
EXACT = 1e-7
"""Newton stops after a step of this size relative to the largest coefficient: the error left is its square."""
NEWTON_SIZE = 30
NEWTON_WORK = 4e6
"""Newton is the faster one up to so many coefficients, or with more up to rows · coefficients² of this; beyond, L-BFGS
is (measured: 5,000 rows of 64 features take it 9 ms, Newton 32; 336 rows of 64 features Newton 1.3 ms, L-BFGS 4.7)."""
NEWTON_LARGEST = 600
"""Coefficients up to which Newton finishes what L-BFGS began: its Hessian still takes less than a second."""

SUMS = {"reassoc", "contract", "nsz", "arcp"}
ROUND = 6755399441055744.0


def fit(
    features: NDArray[np.float64], classes: NDArray[np.int64], total: int, c: float, balanced: bool,
    rescale: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and bias of the model with regularisation ``c`` on standardised features, given for raw features.

    ``features`` (rows, d), ``classes`` (rows,) 0 … total − 1, each present. Without ``rescale`` the features are
    regularised in the scale they come in. Returns weights (1, d) and bias (1,) of class 1 for two classes, else
    (total, d) and (total,). Equal to scikit-learn's converged coefficients to 1e-6.
    """
    design, mean, deviation = standardised(np.ascontiguousarray(features.T), rescale)
    weights = sample_weights(classes, total, balanced)
    beta = np.zeros((1 if total == 2 else total, len(design)))
    finish = beta.size <= NEWTON_LARGEST
    if not newton_is_faster(len(classes), beta.size):
        beta[:] = fit_library(design, classes, total, weights, np.array([c]), 1e-4 if finish else 1e-8)[0]
    if finish:
        fit_newton(design, classes, total, weights, c, beta, EXACT)
    scaled = beta[:, :-1] / deviation
    return scaled, beta[:, -1] - scaled @ mean


def newton_is_faster(rows: int, coefficients: int) -> bool:
    """Whether Newton beats L-BFGS on a problem of this size."""
    return coefficients <= NEWTON_SIZE or rows * coefficients**2 <= NEWTON_WORK


def fit_newton(
    design: NDArray[np.float64], classes: NDArray[np.int64], total: int, weights: NDArray[np.float64], c: float,
    beta: NDArray[np.float64], tolerance: float,
) -> bool:
    """Newton from ``beta`` (1 or total, d + 1), in place. Returns whether it converged."""
    if total == 2:
        return bool(newton_binary(design, classes.astype(np.float64), weights, c, beta[0], tolerance))
    return bool(newton_multinomial(design, classes, weights, c, beta, tolerance))


def fit_library(
    design: NDArray[np.float64], classes: NDArray[np.int64], total: int, weights: NDArray[np.float64],
    grid: NDArray[np.float64], tolerance: float = 1e-4,
) -> NDArray[np.float64]:
    """scikit-learn's L-BFGS along the values of C in ``grid``, each from the one before: (grid, 1 or total, d + 1)."""
    from sklearn.linear_model import LogisticRegression

    rows = np.ascontiguousarray(design[:-1].T)
    path = np.empty((len(grid), 1 if total == 2 else total, len(design)))
    model = LogisticRegression(solver="lbfgs", tol=tolerance, max_iter=10_000, warm_start=True)
    for index, c in enumerate(grid):
        model.set_params(C=float(c)).fit(rows, classes, sample_weight=weights)
        path[index, :, :-1], path[index, :, -1] = model.coef_, model.intercept_
    return path


def standardised(
    planes: NDArray[np.float64], rescale: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Design (d + 1, rows), mean and deviation (d,) of features given as planes (d, rows).

    A deviation of 0, and any without ``rescale``, counts as 1.
    """
    design = np.empty((len(planes) + 1, planes.shape[1]))
    mean, deviation = np.empty(len(planes)), np.empty(len(planes))
    fill_design(planes, np.arange(planes.shape[1]), rescale, design, mean, deviation)
    return design, mean, deviation


def sample_weights(classes: NDArray[np.int64], total: int, balanced: bool) -> NDArray[np.float64]:
    """Ones, or rows / (classes · rows of the class): scikit-learn's "balanced"."""
    if not balanced:
        return np.ones(len(classes))
    of_class = len(classes) / (total * np.bincount(classes, minlength=total))
    weights: NDArray[np.float64] = of_class[classes]
    return weights


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def dot(a: Any, b: Any) -> float:
    """Σ a · b."""
    total = 0.0
    for i in range(a.size):
        total += a[i] * b[i]
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def fill_design(planes: Any, rows: Any, rescale: bool, design: Any, mean: Any, deviation: Any) -> None:
    """The rows ``rows`` of ``planes`` (d, all), centred and, if ``rescale``, divided by their deviation, and a last row
    of ones, into ``design`` (d + 1, rows)."""
    count = rows.size
    for j in range(planes.shape[0]):
        plane, target = planes[j], design[j]
        total = 0.0
        for i in range(count):
            target[i] = plane[rows[i]]
            total += target[i]
        mean[j] = total / count
        square = 0.0
        for i in range(count):
            target[i] -= mean[j]
            square += target[i] * target[i]
        spread = np.sqrt(square / count)
        deviation[j] = spread if rescale and spread > 1e-14 * (abs(mean[j]) + 1e-300) else 1.0
        for i in range(count):
            target[i] /= deviation[j]
    design[planes.shape[0], :] = 1.0


@njit(nogil=True, cache=True, error_model="numpy")
def fill_designs(planes: Any, train: Any, test: Any, rescale: bool, design: Any, held: Any) -> None:
    """Designs (d + 1, rows) of training and test rows, both standardised by the training rows."""
    size = planes.shape[0]
    mean, deviation = np.empty(size), np.empty(size)
    fill_design(planes, train, rescale, design, mean, deviation)
    for j in range(size):
        for i in range(test.size):
            held[j, i] = (planes[j, test[i]] - mean[j]) / deviation[j]
    held[size, :] = 1.0


@njit(nogil=True, cache=True, error_model="numpy")
def newton_binary(design: Any, y: Any, weights: Any, c: float, beta: Any, tolerance: float) -> bool:
    """Two classes: ``y`` (rows,) 0.0 or 1.0, ``beta`` (d + 1,) in and out. Returns whether it converged.

    A full Newton step that overshoots (the slope along it turns steeply upward: separable classes) is halved.
    """
    size, rows = design.shape
    z, p, residual, curvature, move = np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows)
    gradient, step, hessian = np.empty(size), np.empty(size), np.empty((size, size))
    linear(design, beta, z)
    sigmoid(z, p)
    for _ in range(ITERATIONS):
        weigh(p, y, weights, c, residual, curvature)
        gram(design, curvature, hessian, 0, 0)
        penalise(hessian, size, 1)
        for j in range(size):
            gradient[j] = dot(design[j], residual) + (beta[j] if j < size - 1 else 0.0)
        solve(hessian, gradient, step)
        slope = dot(gradient, step)
        linear(design, step, move)
        length = 1.0
        for _ in range(60):
            advance(z, move, length, p)
            sigmoid(p, p)
            weigh(p, y, weights, c, residual, curvature)
            along = dot(residual, move)
            for j in range(size - 1):
                along += (beta[j] + length * step[j]) * step[j]
            if along <= -0.1 * slope:
                break
            length *= 0.5
        advance(z, move, length, z)
        largest, change = 0.0, 0.0
        for j in range(size):
            beta[j] += length * step[j]
            largest, change = max(largest, abs(beta[j])), max(change, abs(step[j]))
        if change <= tolerance * (1.0 + largest):
            return True
    return False


@njit(nogil=True, cache=True, error_model="numpy")
def newton_multinomial(design: Any, classes: Any, weights: Any, c: float, beta: Any, tolerance: float) -> bool:
    """More classes: ``classes`` (rows,) 0 … K − 1, ``beta`` (K, d + 1) in and out. Returns whether it converged."""
    size, rows = design.shape
    total = beta.shape[0]
    z, p, move = np.empty((total, rows)), np.empty((total, rows)), np.empty((total, rows))
    curvature = np.empty(rows)
    gradient, step = np.empty(total * size), np.empty(total * size)
    hessian = np.empty((total * size, total * size))
    mass = 0.0
    for i in range(rows):
        mass += c * weights[i]
    for k in range(total):
        linear(design, beta[k], z[k])
    softmax(z, p)
    for _ in range(ITERATIONS):
        for k in range(total):
            for other in range(k + 1):
                cross(p[k], p[other], k == other, weights, c, curvature)
                gram(design, curvature, hessian, k * size, other * size)
        penalise(hessian, size, total)
        for k in range(total):  # the intercepts' common shift changes nothing: pin it
            for other in range(total):
                hessian[(k + 1) * size - 1, (other + 1) * size - 1] += mass / total**2
        slopes(design, p, classes, weights, c, beta, gradient)
        solve(hessian, gradient, step)
        slope = dot(gradient, step)
        for k in range(total):
            linear(design, step[k * size : (k + 1) * size], move[k])
        length = 1.0
        for _ in range(60):
            for k in range(total):
                advance(z[k], move[k], length, p[k])
            softmax(p, p)
            along = 0.0
            for k in range(total):
                subtract_class(p[k], classes, k, weights, c, curvature)
                along += dot(curvature, move[k])
                for j in range(size - 1):
                    along += (beta[k, j] + length * step[k * size + j]) * step[k * size + j]
            if along <= -0.1 * slope:
                break
            length *= 0.5
        largest, change = 0.0, 0.0
        for k in range(total):
            advance(z[k], move[k], length, z[k])
            for j in range(size):
                beta[k, j] += length * step[k * size + j]
                largest, change = max(largest, abs(beta[k, j])), max(change, abs(step[k * size + j]))
        if change <= tolerance * (1.0 + largest):
            return True
    return False


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def linear(design: Any, beta: Any, z: Any) -> None:
    """z = designᵀ beta."""
    z[:] = 0.0
    for j in range(design.shape[0]):
        row, weight = design[j], beta[j]
        for i in range(z.size):
            z[i] += weight * row[i]


@njit(nogil=True, cache=True, error_model="numpy")
def advance(z: Any, move: Any, length: float, out: Any) -> None:
    """out = z + length · move."""
    for i in range(z.size):
        out[i] = z[i] + length * move[i]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def sigmoid(z: Any, p: Any) -> None:
    """p = 1 / (1 + exp(−z)) to double precision; z may be p. exp(r) by a Padé approximant (Cephes), 2ⁿ by its bits."""
    for i in range(z.size):
        x = -z[i]
        x = x if x > -700.0 else -700.0
        x = x if x < 700.0 else 700.0
        shifted = x * 1.4426950408889634 + ROUND
        n = shifted - ROUND
        r = (x - n * 0.693145751953125) - n * 1.42860682030941723212e-6
        q = r * r
        odd = r * ((1.26177193074810590878e-4 * q + 3.02994407707441961300e-2) * q + 1.0)
        even = ((3.00198505138664455042e-6 * q + 2.52448340349684104192e-3) * q + 2.27265548208155028766e-1) * q + 2.0
        scale = double_of_bits((bits_of_double(shifted) + 1023) << 52)
        p[i] = (even - odd) / ((even - odd) + scale * (even + odd))


@njit(nogil=True, cache=True, error_model="numpy")
def softmax(z: Any, p: Any) -> None:
    """p[k] = exp(z[k]) / Σ exp(z) for (classes, rows); z may be p."""
    for i in range(z.shape[1]):
        largest = z[0, i]
        for k in range(1, z.shape[0]):
            largest = max(largest, z[k, i])
        total = 0.0
        for k in range(z.shape[0]):
            p[k, i] = np.exp(z[k, i] - largest)
            total += p[k, i]
        for k in range(z.shape[0]):
            p[k, i] /= total


@njit(nogil=True, cache=True, error_model="numpy")
def weigh(p: Any, y: Any, weights: Any, c: float, residual: Any, curvature: Any) -> None:
    """First and second derivative of C · s · loss by z."""
    for i in range(p.size):
        weight = c * weights[i]
        residual[i] = weight * (p[i] - y[i])
        curvature[i] = weight * p[i] * (1.0 - p[i])


@njit(nogil=True, cache=True, error_model="numpy")
def cross(p: Any, q: Any, same: bool, weights: Any, c: float, curvature: Any) -> None:
    """Second derivative of C · s · loss by the logits of two classes."""
    one = 1.0 if same else 0.0
    for i in range(p.size):
        curvature[i] = c * weights[i] * p[i] * (one - q[i])


@njit(nogil=True, cache=True, error_model="numpy")
def subtract_class(p: Any, classes: Any, k: int, weights: Any, c: float, residual: Any) -> None:
    """Derivative of C · s · loss by the logit of class ``k``."""
    for i in range(p.size):
        residual[i] = c * weights[i] * (p[i] - (1.0 if classes[i] == k else 0.0))


@njit(nogil=True, cache=True, error_model="numpy")
def slopes(design: Any, p: Any, classes: Any, weights: Any, c: float, beta: Any, gradient: Any) -> None:
    """The gradient by all coefficients, class after class."""
    size, rows = design.shape
    residual = np.empty(rows)
    for k in range(beta.shape[0]):
        subtract_class(p[k], classes, k, weights, c, residual)
        for j in range(size):
            gradient[k * size + j] = dot(design[j], residual) + (beta[k, j] if j < size - 1 else 0.0)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=SUMS)
def gram(design: Any, curvature: Any, hessian: Any, top: int, left: int) -> None:
    """The block design · diag(curvature) · designᵀ into ``hessian`` at (top, left): it is symmetric."""
    size, rows = design.shape
    weighted = np.empty(rows)
    for j in range(size):
        row = design[j]
        for i in range(rows):
            weighted[i] = curvature[i] * row[i]
        for k in range(j + 1):
            value = dot(weighted, design[k])
            hessian[top + j, left + k] = value
            hessian[top + k, left + j] = value


@njit(nogil=True, cache=True, error_model="numpy")
def penalise(hessian: Any, size: int, total: int) -> None:
    """Add the penalty's second derivative: 1 for weights, for intercepts only what keeps the matrix regular."""
    for k in range(total * size):
        hessian[k, k] += 1.0 if k % size != size - 1 else 1e-13 * hessian[k, k] + 1e-12


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz"})
def solve(matrix: Any, gradient: Any, step: Any) -> None:
    """step = −matrix⁻¹ gradient by Cholesky, which overwrites the lower triangle of ``matrix``."""
    size = gradient.size
    for j in range(size):
        for k in range(j):
            matrix[j, k] = (matrix[j, k] - dot(matrix[j, :k], matrix[k, :k])) / matrix[k, k]
        pivot = matrix[j, j] - dot(matrix[j, :j], matrix[j, :j])
        matrix[j, j] = np.sqrt(max(pivot, 1e-12))
    for j in range(size):
        step[j] = (-gradient[j] - dot(matrix[j, :j], step[:j])) / matrix[j, j]
    for j in range(size - 1, -1, -1):
        value = step[j]
        for k in range(j + 1, size):
            value -= matrix[k, j] * step[k]
        step[j] = value / matrix[j, j]

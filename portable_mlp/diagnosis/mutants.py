"""Formulas that people write in place of the right ones, for each link of the backward pass.

Each function gives a list of `Mutant`: the right formula first, then wrong ones, the commoner first. A
mutant that can't be told from the right formula at the points of the test is of no importance there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from portable_mlp.diagnosis.reference import (
    Array,
    Layer,
    Reference,
    backward_through,
    in_terms_of_a,
    slope_of,
)


class Mutant(NamedTuple):
    """What a formula gives, and what it is called.

    Args:
        id: of the catalogue; empty for the right formula.
        words: the formula as its owner may have written it.
        value: the array.
    """

    id: str
    words: str
    value: Array


RIGHT_FORMULA = {
    "sigmoid": "a * (1 - a)",
    "softmax": "a * (1 - a)",
    "tanh": "1 - a**2",
    "relu": "(z > 0)",
    "leaky_relu": "np.where(z > 0, 1, slope)",
    "identity": "1",
    "sigmoid of -z": "-a * (1 - a)",
}
"""f' as it is best written."""


def right_delta(activation: str, loss: str) -> str:
    """δ of the last layer as it is best written."""
    if (activation, loss) in (("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")):
        return "delta = a - t, without a derivative beside it"
    if activation == "softmax":
        return "delta = a * (e - (e * a).sum(axis=1, keepdims=True)) with e = a - t"
    if loss == "cross_entropy":
        return "delta = -t / a * f'(z)"
    return f"delta = (a - t) * {RIGHT_FORMULA.get(activation, 'the derivative')}"


def output_deltas(reference: Reference, layers: Sequence[Layer], t: Array) -> list[Mutant]:
    """What may be used for δ of the last layer."""
    last, name, slope = layers[-1], layers[-1].activation, reference.slope
    a, z, error = last.a, last.z, last.a - t
    with np.errstate(all="ignore"):
        outer = reference.d_outputs(layers, t)
        derivative = slope_of(name, z, slope)
        at_a, of_z = slope_of(name, a, slope), in_terms_of_a(name, z, slope)
        plus = -(t / a + (1 - t) / (1 - a))
        shares = np.exp(a - a.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        found = [
            Mutant("", "right", reference.delta(layers, t)),
            Mutant("R05", "a - t", error),
        ]
        if reference.network.loss not in ("mse", "half_mse"):
            through = backward_through(name, z, error, slope)
            found.append(Mutant("R05", "the gradient of a squared error", through))
        if name.startswith("softmax"):
            found += [
                Mutant("R09", "(a - t) * a * (1 - a)", error * derivative),
                Mutant("R09", "(a - t) * a", error * a),
                Mutant("R09", "dL/da * a * (1 - a)", outer * derivative),
                Mutant(
                    "R09", "softmax twice: s * (1 - s) * (a - t)", error * shares * (1 - shares)
                ),
            ]
        found += [
            Mutant("R05", "dL/da without f'(z)", outer),
            Mutant("R05", "(a - t) * f'(z)", error * derivative),
            Mutant("R06", "(a - t) * f'(a)", error * at_a),
            Mutant("R07", "(a - t) * formula(z)", error * of_z),
            Mutant("R06", "dL/da * f'(a)", outer * at_a),
            Mutant("R07", "dL/da * formula(z)", outer * of_z),
            Mutant("R04", "dL/da * f'(z) * f'(z)", outer * derivative * derivative),
            Mutant("R08", "f'(error)", in_terms_of_a(name, error, slope)),
            Mutant("R08", "(a - t) * f'(error)", error * in_terms_of_a(name, error, slope)),
            Mutant("R08", "(a - t) * f' at the error", error * slope_of(name, error, slope)),
        ]
        found += _one_label(a, t, error, derivative)
        whole = error.sum(axis=0) + np.zeros_like(error)
        found += [
            Mutant("R17", "the sum of a - t over the samples, * f'(z)", whole * derivative),
            Mutant("R17", "the sum of a - t over the samples, for each of them", whole),
        ]
        if reference.network.loss == "binary_cross_entropy":
            found += [
                Mutant("R19", "-(t/a + (1-t)/(1-a)) * f'(z)", plus * derivative),
                Mutant("R19", "-(t/a + (1-t)/(1-a)) * f'(a)", plus * at_a),
                Mutant("R19", "-(t/a + (1-t)/(1-a)) * formula(z)", plus * of_z),
                Mutant("R19", "-(t/a + (1-t)/(1-a))", plus),
            ]
    return found


def _one_label(a: Array, t: Array, error: Array, derivative: Array) -> list[Mutant]:
    """All outputs against the label of one sample, or against all labels in turn."""
    found = []
    summed = len(a) * a - t.sum(axis=0)
    for words, wrong in (
        ("all outputs less the first sample's label", a - t[:1]),
        ("all outputs less the last sample's label", a - t[-1:]),
        ("every output less every label", summed),
    ):
        if np.allclose(wrong, error):
            continue
        found += [
            Mutant("R18", words, wrong),
            Mutant("R18", f"({words}) * f'(z)", wrong * derivative),
        ]
    return found


def back_signals(
    layers: Sequence[Layer], k: int, delta: Array, bare: Array, error: Array
) -> list[Mutant]:
    """What may come back to layer k through the weights of the next.

    Args:
        layers: of the forward pass.
        k: the layer that receives it.
        delta: δ of layer k + 1 as the program has it.
        bare: what had come to layer k + 1 before it was multiplied by its f'.
        error: a - t of the outputs.
    """
    weight = layers[k + 1].weight
    found = [Mutant("", "right", delta @ weight.T)]
    if weight.shape[0] == weight.shape[1]:
        found.append(Mutant("R03", "delta @ W", delta @ weight))
    if bare.shape == delta.shape:
        found.append(
            Mutant("R15", "error @ W.T, without f'(z) of the layer above", bare @ weight.T)
        )
    if error.shape[1] == weight.shape[1]:
        found.append(Mutant("R15", "(a - t) @ W.T", error @ weight.T))
    if error.shape[1] == weight.shape[0]:
        found.append(Mutant("R15", "(a - t) itself", error))
    return found


def hidden_deltas(
    reference: Reference, layers: Sequence[Layer], k: int, back: Array
) -> list[Mutant]:
    """What may be made of the signal that comes back, for δ of layer k."""
    layer, name, slope = layers[k], layers[k].activation, reference.slope
    above = layers[k + 1]
    derivative = slope_of(name, layer.z, slope)
    found = []
    if name == "softmax":
        a = layer.a
        whole = a * (back - (back * a).sum(axis=1, keepdims=True))
        found += [Mutant("", "right", whole), Mutant("R09", "a * (1 - a)", back * derivative)]
    else:
        found.append(Mutant("", "right", back * derivative))
    found += [
        Mutant("R04", "without f'(z)", back),
        Mutant("R06", "f'(a)", back * slope_of(name, layer.a, slope)),
        Mutant("R07", "formula(z)", back * in_terms_of_a(name, layer.z, slope)),
        Mutant("R04", "f'(z) twice", back * derivative * derivative),
    ]
    others = {
        "a * (1 - a), the derivative of sigmoid": layer.a * (1 - layer.a),
        "1 - a**2, the derivative of tanh": 1 - layer.a**2,
        "(z > 0), the derivative of relu": (layer.z > 0).astype(float),
        "np.where(z > 0, 1, 0.01), the derivative of leaky relu": np.where(layer.z > 0, 1.0, 0.01),
        "1 - a": 1 - layer.a,
        "a": layer.a,
    }
    found += [Mutant("R25", words, back * other) for words, other in others.items()]
    if layer.x.shape == back.shape:
        found.append(Mutant("R13", "f' of the input", back * in_terms_of_a(name, layer.x, slope)))
    if above.z.shape == back.shape:
        found.append(
            Mutant(
                "R04", "f' of the layer above", back * slope_of(above.activation, above.z, slope)
            )
        )
    return found


def weight_gradients(layers: Sequence[Layer], k: int, delta: Array) -> list[Mutant]:
    """What may be used for ∂L/∂W of layer k, (in, out)."""
    layer, samples = layers[k], len(delta)
    found = [
        Mutant("", "right", layer.x.T @ delta),
        Mutant(
            "R17",
            "sum of the inputs times sum of the deltas",
            np.outer(layer.x.sum(axis=0), delta.sum(axis=0)) / samples,
        ),
    ]
    factors = {"its own output a": layer.a, "its own z": layer.z, "the network's X": layers[0].x}
    if k:
        factors["z of the layer before"] = layers[k - 1].z
    for words, factor in factors.items():
        if factor.shape == layer.x.shape and factor is not layer.x:
            found.append(Mutant("R13", words, factor.T @ delta))
    if layer.weight.shape[0] == layer.weight.shape[1]:
        found.append(Mutant("R03", "transposed", (layer.x.T @ delta).T))
    return found


def bias_gradients(layer: Layer, delta: Array, bare: Array) -> list[Mutant]:
    """What may be used for ∂L/∂b, (out,)."""
    found = [Mutant("", "right", delta.sum(axis=0))]
    ones = np.ones(delta.shape[1])
    found.append(Mutant("R11", "np.sum(delta)", delta.sum() * ones))
    found += [
        Mutant("R12", "delta of the first sample alone", delta[0]),
        Mutant("R12", "delta of the last sample alone", delta[-1]),
    ]
    if bare.shape == delta.shape:
        found.append(Mutant("R15", "sum of the error, without f'(z)", bare.sum(axis=0)))
        if layer.bias is not None:
            b = layer.bias
            found.append(Mutant("R14", "error * b * (1 - b)", (bare * b * (1 - b)).sum(axis=0)))
            found.append(Mutant("R14", "delta * b * (1 - b)", (delta * b * (1 - b)).sum(axis=0)))
    return found

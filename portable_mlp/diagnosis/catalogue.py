"""What can be wrong with a gradient: ids, titles, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One kind of fault.

    Args:
        title: in plain words.
        fix: what to change; ``{...}`` is filled in with what was found.
    """

    title: str
    fix: str


CATALOGUE: dict[str, Entry] = {
    "R01": Entry(
        "the sign is wrong: you climb instead of descending",
        "Flip the sign: the error is output - target where the update is W -= rate * gradient.",
    ),
    "R02": Entry("the gradient is right up to a constant factor", "{factor}"),
    "R03": Entry(
        "a weight matrix is used without its transpose in the backward pass",
        "Back through W goes delta @ W.T; without .T it fits only because the matrix is square.",
    ),
    "R04": Entry(
        "the derivative of a hidden activation is missing",
        "Multiply the error that comes back by f'(z) of the layer: {formula}.",
    ),
    "R05": Entry(
        "this is the gradient of another loss",
        "{formula}",
    ),
    "R06": Entry(
        "the derivative is taken at the activation a = f(z) in place of z",
        "Give f' the weighted sum z, or use its formula in terms of a: {formula}.",
    ),
    "R07": Entry(
        "a derivative written for a = f(z) is given z",
        "Use {formula} with a = f(z), not with z: at z = 0 and z = 1 it is 0 for no reason.",
    ),
    "R08": Entry(
        "the derivative is taken of the error in place of the activation",
        "Multiply by f'(z) = {formula}, where a is the output, not the error.",
    ),
    "R09": Entry(
        "softmax is differentiated element by element",
        "Every output depends on every z: with cross-entropy use delta = a - t; with a squared error "
        "delta = a * (e - (e * a).sum(axis=1, keepdims=True)), e = a - t.",
    ),
    "R10": Entry(
        "the gradient is zero where the true one is not",
        "Look for a product with 0 or a sum that cancels: in a softmax, the entries of a row of the "
        "Jacobian sum to 0.",
    ),
    "R11": Entry(
        "a bias gradient is one number for all units",
        "Sum over the samples only: delta.sum(axis={axis}), not np.sum(delta).",
    ),
    "R12": Entry(
        "a bias gradient is not summed over the samples",
        "A bias has one number for each unit: delta.sum(axis={axis}).",
    ),
    "R13": Entry(
        "the weight gradient uses the wrong factor beside delta",
        "dW of a layer is the layer's INPUT times its delta: {formula}.",
    ),
    "R14": Entry(
        "the bias is treated as if it were an activation",
        "db is the sum of delta over the samples; no derivative of b is in it.",
    ),
    "R15": Entry(
        "a link of the chain rule is skipped",
        "What goes back through W is the layer's delta, its error times f'(z), not the bare error.",
    ),
    "R16": Entry(
        "the gradient depends on how often it was computed",
        "Start every gradient from fresh zeros: nothing may be kept or shared from call to call.",
    ),
    "R17": Entry(
        "the errors are summed over the samples before the product with the inputs",
        "Keep one row for each sample until the product: dW = x.T @ delta sums over the samples itself.",
    ),
    "R18": Entry(
        "the gradient has another shape than its parameter",
        "{formula}",
    ),
    "R19": Entry(
        "one sign inside of the loss's derivative is wrong",
        "dL/da of binary cross-entropy is -(t / a - (1 - t) / (1 - a)): a minus between the terms.",
    ),
    "R20": Entry(
        "the gradient is multiplied by the weights",
        "The update is W -= rate * dW, without another W in it.",
    ),
    "R21": Entry(
        "what goes back through a layer's weights uses them after their update",
        "Compute all deltas before any weight is changed.",
    ),
    "R22": Entry(
        "this is no gradient: every entry has the same number",
        "Each weight needs its own derivative: dW = x.T @ delta.",
    ),
    "R23": Entry(
        "a weight penalty is in the gradient or in the loss, but not in both",
        "Add λ/2 ΣW² to the loss where λW is in the gradient, or leave out both. Found: λ = {factor}.",
    ),
    "R24": Entry(
        "the gradient is wrong in a way that is none of the known ones",
        "Start at {layer}: counted from the output, it is the first that disagrees; those before it "
        "inherit the error.",
    ),
    "R25": Entry(
        "the derivative of another activation stands in a layer",
        "The derivative of this layer's activation is {formula}.",
    ),
    "D01": Entry(
        "the steps are too long: the learning rate is too large",
        "Take a learning rate {factor} times smaller.",
    ),
    "D02": Entry(
        "the gradient is a sum over the samples, and the step grows with their number",
        "Divide loss and gradient by the number of samples, {factor}, or the learning rate.",
    ),
    "D03": Entry(
        "the steps are too short or too few",
        "Take a learning rate {factor} times larger, or more steps.",
    ),
    "D04": Entry(
        "the loss is not finite before the first step",
        "A symptom: exp overflows or log gets 0. Shift a softmax by its largest sum, take the loss from "
        "the weighted sums, scale inputs and first weights.",
    ),
    "D05": Entry(
        "the inputs are not scaled",
        "X = (X - X.mean(axis=0)) / X.std(axis=0), with the figures of the training data also later on.",
    ),
    "D06": Entry(
        "the first weights are too large",
        "Draw them with a standard deviation of sqrt(2 / (inputs + outputs)), for ReLU sqrt(2 / inputs).",
    ),
    "D07": Entry(
        "the first weights are all positive",
        "Draw them around 0: rng.normal(size=shape) * sqrt(2 / (inputs + outputs)), not rng.random().",
    ),
    "D08": Entry(
        "the first weights are too small for so many layers",
        "Draw them with a standard deviation of sqrt(2 / (inputs + outputs)), for ReLU sqrt(2 / inputs).",
    ),
    "D09": Entry(
        "the units of a layer begin alike and stay alike",
        "Draw the first weights at random; biases may be 0.",
    ),
    "D10": Entry(
        "most units of a ReLU layer are dead",
        "Shorter steps, weights by He's rule with biases of 0, or leaky ReLUs.",
    ),
    "D11": Entry(
        "an output is dead: a ReLU below 0 for every sample",
        "Let the last layer be linear.",
    ),
    "D12": Entry(
        "a layer is saturated",
        "Scale the inputs, draw smaller first weights, take shorter steps.",
    ),
    "D13": Entry(
        "the gradient fades on its way to the first layers",
        "ReLU with He's weights, larger first weights, or fewer layers.",
    ),
    "D16": Entry(
        "output and loss do not go together",
        "Softmax with cross-entropy, sigmoid with binary cross-entropy, a linear output with squares.",
    ),
    "D17": Entry(
        "targets lie where the output can't reach",
        "A linear output, or targets moved into the range of the output.",
    ),
    "D19": Entry(
        "a softmax stands inside of the network",
        "Use tanh or ReLU in the hidden layers: a softmax makes all units share a sum of 1.",
    ),
    "D20": Entry(
        "there are no biases",
        "Add one number for each unit, or a column of ones to the inputs.",
    ),
    "D21": Entry(
        "the network can only be a straight line",
        "Put tanh or ReLU between the layers.",
    ),
    "D22": Entry(
        "the output ignores the input",
        "A symptom: none of the known causes was seen.",
    ),
    "D23": Entry(
        "the loss stays at chance",
        "A symptom: none of the known causes was seen.",
    ),
    "D24": Entry(
        "the labels do not belong to the rows",
        "Shuffle X and Y with one and the same index, and look at some samples beside their labels.",
    ),
    "D34": Entry(
        "the targets are of another size than the network's outputs",
        "Y = (Y - Y.mean()) / Y.std(), and undo it in the predictions.",
    ),
    "D14": Entry(
        "the gradient grows from step to step",
        "Shorter steps, smaller first weights, or a limit for the gradient's norm.",
    ),
    "D26": Entry(
        "the accuracy is computed wrongly",
        "np.mean(outputs.argmax(axis={axis}) == labels), over all samples and once.",
    ),
    "D27": Entry(
        "one class is always predicted",
        "A symptom; where nearly all samples are of that class, weigh the others more.",
    ),
    "D31": Entry(
        "the loss goes up and down: steps at the edge of too long",
        "Half the learning rate, or larger batches.",
    ),
    "D32": Entry(
        "the same inputs have different targets",
        "Look at the doubled rows: no network can give two answers to one question.",
    ),
    "D33": Entry(
        "it learns the training set by heart",
        "Stop early, add data, a weight penalty or dropout; take the weights of the best epoch.",
    ),
    "D36": Entry(
        "the weight penalty is too strong",
        "Take a smaller λ, or none until the network learns.",
    ),
    "D15": Entry(
        "the gradient points uphill, whatever else is wrong with it",
        "Look for a minus: in the error (it is output - target), in a derivative, in the update.",
    ),
    "D18": Entry(
        "softmax is taken over the samples in place of the outputs",
        "Normalise each sample by itself: {formula}.",
    ),
    "D25": Entry(
        "outputs and targets have shapes that broadcast",
        "Give both the same shape: {formula}.",
    ),
    "D28": Entry(
        "the loss depends on what was called before",
        "The same parameters and data must give the same loss: reset buffers, switch dropout off.",
    ),
    "D29": Entry(
        "parameters do not change",
        "Make them floats, np.array(..., dtype=float), and let the update write to, or give back, the "
        "arrays that the next step uses.",
    ),
    "D35": Entry(
        "a parameter has one row for each sample",
        "Sum over the samples before the update: a bias has one number for each unit.",
    ),
    "F01": Entry(
        "the sigmoid is written 1 / (1 + exp(+z))",
        "The exponent has a minus: 1 / (1 + np.exp(-z)).",
    ),
    "F02": Entry(
        "a function writes to its own arguments",
        "Work on copies: what a call changes, the next one starts from.",
    ),
    "F05": Entry(
        "softmax is applied twice",
        "The loss takes the softmax itself, or the network does, but not both: the outputs of the second "
        "are nearly equal whatever the network says.",
    ),
    "F04": Entry(
        "a parameter has no part in the loss",
        "Use it in the forward pass, or leave it out of the parameters.",
    ),
    "F03": Entry(
        "two parameters share memory",
        "Make each array by itself (.copy()): an update of one changes the other.",
    ),
}
"""By id: R of relations between a gradient and the true one, D of a program, F of its functions."""

"""Networks that people wrote by hand and asked about: what is wrong with each, and its repair.

>>> from portable_mlp import gallery
>>> xor = gallery.systems()["S5"]
>>> xor.network
'2-2-2, sigmoid and softmax, columns, biases inside of the weight matrices'
>>> xor.posted(0).params["W1"].shape
(2, 3)
"""

from __future__ import annotations

from importlib import import_module

from portable_mlp.gallery.system import Program, System

__all__ = ["Program", "System", "systems"]

_FILES = (
    "s01_blobs_one_label",
    "s02_no_backward_pass",
    "s03_mnist_softmax_in_hidden_layers",
    "s04_digits_softmax_jacobian",
    "s05_xor_derivative_at_z",
    "s06_xor_step_times_weight",
    "s07_relu_output_summed",
    "s08_leaky_relu_output",
    "s09_sine_one_number",
    "s10_sign_no_bias",
    "s11_mnist_softmax_axis",
    "s12_mnist_columns",
    "s13_mnist_small_steps",
    "s14_mnist_errors_summed",
    "s15_moons_stuck_at_ln2",
    "s16_moons_relu",
)


def systems() -> dict[str, System]:
    """All systems by their id, in order.

    Example:
        >>> list(systems())[:4]
        ['S1', 'S1F', 'S1A', 'S2']
    """
    modules = (import_module(f"{__name__}.{name}") for name in _FILES)
    return {system.id: system for module in modules for system in module.SYSTEMS}

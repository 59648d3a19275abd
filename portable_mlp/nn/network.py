"""A stack of layers: forward through all of them, backward through all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.layer import Context, Layer, Tree
from portable_mlp.nn.parameters import named_leaves


@dataclass(frozen=True)
class Network(Layer):
    """y = f_L(... f_2(f_1(x))).   dL/dx is passed back from the last layer to the first.

    A network is itself a layer. Its parameters are a dictionary ``{layer name: parameters}``.

    Args:
        layers: the layers in the order in which a sample passes them; see `Network.of`.
    """

    layers: tuple[Layer, ...] = ()

    @classmethod
    def of(cls, layers: Iterable[Any]) -> Network:
        """A network from any sequence of layers.

        Raises:
            TypeError: something in it is no layer.
            ValueError: it is empty, or two layers have the same name.
        """
        if isinstance(layers, Layer) or not isinstance(layers, Iterable):
            raise TypeError(f"layers: got {layers!r}, expected a list of layers; write [...].")
        layers = tuple(layers)
        for place, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                hint = " (write Dense(3), with parentheses)" if isinstance(layer, type) else ""
                raise TypeError(
                    f"layers[{place}]: got {layer!r}, expected a layer such as Dense(10) or "
                    f"ReLU(){hint}."
                )
        if not layers:
            raise ValueError("layers: got none, expected at least one, such as Dense(10).")
        return cls(layers)

    @cached_property
    def named_layers(self) -> dict[str, Layer]:
        """The layers by name: their own, or kind and number (``dense_1``)."""
        counts: Counter[str] = Counter()
        named: dict[str, Layer] = {}
        for layer in self.layers:
            counts[layer.kind] += 1
            name = layer.name or f"{layer.kind}_{counts[layer.kind]}"
            if name in named:
                raise ValueError(f"layers: two are named {name!r}, expected different names.")
            named[name] = layer
        return named

    @property
    def streams(self) -> int:
        return sum(layer.streams for layer in self.layers)

    def shapes(self, shape: Shape) -> dict[str, tuple[Shape, Shape]]:
        """``{layer name: (shape of its input sample, shape of its output sample)}``."""
        shapes = {}
        for name, layer in self.named_layers.items():
            out = layer.output_shape(shape)
            shapes[name] = (shape, out)
            shape = out
        return shapes

    def output_shape(self, shape: Shape) -> Shape:
        return list(self.shapes(shape).values())[-1][1]

    def parameters(self, shape: Shape) -> dict[str, Tree]:
        shapes = self.shapes(shape)
        return {
            name: layer.parameters(shapes[name][0]) for name, layer in self.named_layers.items()
        }

    def state(self, shape: Shape) -> dict[str, Tree]:
        shapes = self.shapes(shape)
        return {name: layer.state(shapes[name][0]) for name, layer in self.named_layers.items()}

    def apply(
        self, params: dict[str, Tree], state: dict[str, Tree], x: Array, ctx: Context
    ) -> tuple[Any, list[Any], dict[str, Tree]]:
        caches, new_state = [], {}
        for name, layer in self.named_layers.items():
            x, cache, new_state[name] = layer.apply(params[name], state[name], x, ctx)
            caches.append(cache)
        return x, caches, new_state

    def backward(
        self, params: dict[str, Tree], cache: list[Any], dy: Array, ctx: Context
    ) -> tuple[Any, dict[str, Tree]]:
        gradients = {}
        for (name, layer), c in zip(self._reversed_layers, reversed(cache), strict=True):
            dy, gradients[name] = layer.backward(params[name], c, dy, ctx)
        return dy, {name: gradients[name] for name in self.named_layers}

    def gradients(
        self, params: dict[str, Tree], cache: list[Any], dy: Array, ctx: Context
    ) -> dict[str, Tree]:
        """dL/dparams; stops at the first layer with parameters, whose dL/dx nobody needs."""
        gradients = dict(params)  # layers before the first with parameters have none to fill in
        first = next((n for n in self.named_layers if any(named_leaves(params[n]))), None)
        for (name, layer), c in zip(self._reversed_layers, reversed(cache), strict=True):
            if name == first:
                gradients[name] = layer.gradients(params[name], c, dy, ctx)
                break
            dy, gradients[name] = layer.backward(params[name], c, dy, ctx)
        return gradients

    @cached_property
    def _reversed_layers(self) -> list[tuple[str, Layer]]:
        return list(reversed(self.named_layers.items()))

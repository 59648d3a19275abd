"""Learned vectors in place of category numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portable_mlp.nn.arrays import Array, Shape
from portable_mlp.nn.choices import choose
from portable_mlp.nn.initializers import INITIALIZERS, Initializer
from portable_mlp.nn.layer import Context, Layer, ParameterSpec
from portable_mlp.nn.plain_numbers import is_whole

EmbeddingParams = dict[str, Any]
"""A table (levels, units) for each column of numbers: ``column_1``, ``column_2``, ..."""


@dataclass(frozen=True)
class Embedding(Layer):
    """y = [ plain | H_1 E_1 | H_2 E_2 | ... ],   H_k the one-hot rows of column k.   dL/dE_k = H_kᵀ dy_k.

    The last columns of x hold category numbers 0, 1, 2, ..., one column for each table; the columns
    before them are passed on as they are. A number that is none of a column's gives a vector of zeros.
    A product with one-hot rows is a gather whose transpose every library has; docs/design.md has figures.

    Args:
        levels: number of categories of each of the last columns.
        units: length of a vector, at most; a column of fewer levels has as many as levels.
        weight_init: initializer of the tables, or its name.

    Example:
        >>> import numpy as np
        >>> from portable_mlp.nn import Context
        >>> params = {"column_1": np.asarray([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])}
        >>> x = np.asarray([[7.0, 2.0], [8.0, 0.0]])
        >>> Embedding([3], units=2).forward(params, x, Context(np))[0].tolist()
        [[7.0, 0.5, 0.6], [8.0, 0.1, 0.2]]

    Source: Guo & Berkhahn 2016, arXiv 1604.06737; N(0, 1) and 8 units as in RealMLP, Holzmüller et al.
    2024, arXiv 2407.04491.
    """

    levels: Sequence[int]
    units: int = 8
    weight_init: Initializer | str = "standard_normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        known = isinstance(self.levels, (tuple, list)) and len(self.levels) > 0
        if not known or not all(is_whole(n, 1) for n in self.levels):
            raise ValueError(
                f"Embedding: levels is {self.levels!r}, expected a whole number of at least 1 for each "
                "column of category numbers, such as [12]."
            )
        object.__setattr__(self, "levels", tuple(self.levels))
        if not is_whole(self.units, 1):
            raise ValueError(
                f"Embedding: units is {self.units!r}, expected a whole number of at least 1."
            )
        choose("Embedding weight_init", self.weight_init, INITIALIZERS, Initializer)

    @property
    def widths(self) -> tuple[int, ...]:
        """Length of the vectors of each column."""
        return tuple(min(count, self.units) for count in self.levels)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 1 or shape[0] < len(self.levels):
            raise ValueError(
                f"Embedding: a sample has shape {shape}, expected one axis that ends in "
                f"{len(self.levels)} category number(s)."
            )
        return (shape[0] - len(self.levels) + sum(self.widths),)

    def parameters(self, shape: Shape) -> EmbeddingParams:
        init = choose("weight_init", self.weight_init, INITIALIZERS, Initializer)
        return {
            f"column_{k}": ParameterSpec((count, width), init, count, width)
            for k, (count, width) in enumerate(zip(self.levels, self.widths, strict=True), 1)
        }

    def forward(self, params: EmbeddingParams, x: Array, ctx: Context) -> tuple[Any, Any]:
        xp, plain = ctx.xp, x.shape[1] - len(self.levels)
        parts = [x[:, :plain]] if plain else []
        one_hot = []
        for k, (count, table) in enumerate(zip(self.levels, params.values(), strict=True)):
            numbers = xp.arange(count, dtype=x.dtype, device=ctx.device)
            found = x[:, plain + k : plain + k + 1] == numbers  # (batch, levels)
            one_hot.append(xp.astype(found, x.dtype))
            parts.append(ctx.matmul(one_hot[k], table))  # (batch, width)
        return (xp.concat(parts, axis=1) if len(parts) > 1 else parts[0]), one_hot

    def gradients(
        self, params: EmbeddingParams, cache: Any, dy: Array, ctx: Context
    ) -> EmbeddingParams:
        start, gradients = dy.shape[1] - sum(self.widths), {}
        for name, one_hot, width in zip(params, cache, self.widths, strict=True):
            gradients[name] = ctx.transposed_matmul(one_hot, dy[:, start : start + width])
            start += width
        return gradients

    def backward(
        self, params: EmbeddingParams, cache: Any, dy: Array, ctx: Context
    ) -> tuple[Any, EmbeddingParams]:
        xp, plain = ctx.xp, dy.shape[1] - sum(self.widths)
        numbers = xp.zeros((dy.shape[0], len(self.levels)), dtype=dy.dtype, device=ctx.device)
        dx = xp.concat([dy[:, :plain], numbers], axis=1) if plain else numbers
        return dx, self.gradients(params, cache, dy, ctx)

"""Rules that draw the first weights. They run on the host, so every backend starts equal.

Fans: a weight of shape (in, out) has ``fan_in = in`` and ``fan_out = out``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.plain_numbers import PlainNumbers


class HostRandom(Protocol):
    """The random stream that initializers draw from; its arrays are host arrays of float64."""

    def uniform(self, low: float, high: float, shape: Shape) -> Any: ...
    def normal(self, standard_deviation: float, shape: Shape) -> Any: ...
    def orthogonal(self, shape: Shape) -> Any: ...
    def full(self, value: float, shape: Shape) -> Any: ...


@dataclass(frozen=True)
class Initializer(PlainNumbers):
    """A rule for the first value of a parameter."""

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        """A host array of this shape."""
        raise TypeError(f"{type(self).__name__} does not define draw")


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros: the usual start of a bias. As a weight it keeps all units of a layer equal."""

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        return random.full(0.0, shape)


@dataclass(frozen=True)
class Constant(Initializer):
    """One value everywhere."""

    value: float

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        return random.full(self.value, shape)


@dataclass(frozen=True)
class Uniform(Initializer):
    """U(low, high)."""

    low: float = -0.05
    high: float = 0.05

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        return random.uniform(self.low, self.high, shape)


@dataclass(frozen=True)
class Normal(Initializer):
    """N(0, standard_deviation²)."""

    standard_deviation: float = 0.05

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        return random.normal(self.standard_deviation, shape)


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """U(-r, r) with r = √(6 / (fan_in + fan_out)). Source: Glorot & Bengio 2010, eq. 16."""

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        r = math.sqrt(6 / (fan_in + fan_out))
        return random.uniform(-r, r, shape)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """N(0, 2 / (fan_in + fan_out)). Source: Glorot & Bengio 2010, eq. 12."""

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        return random.normal(math.sqrt(2 / (fan_in + fan_out)), shape)


@dataclass(frozen=True)
class HeUniform(Initializer):
    """U(-r, r) with r = √(6 / fan_in), for ReLU. Source: He et al. 2015, eq. 10."""

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        r = math.sqrt(6 / fan_in)
        return random.uniform(-r, r, shape)


@dataclass(frozen=True)
class HeNormal(Initializer):
    """N(0, 2 / fan_in), for ReLU. Source: He et al. 2015, eq. 10."""

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        return random.normal(math.sqrt(2 / fan_in), shape)


@dataclass(frozen=True)
class LeCunUniform(Initializer):
    """U(-r, r) with r = √(3 / fan_in). Source: LeCun et al. 1998, Efficient BackProp, eq. 16."""

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        r = math.sqrt(3 / fan_in)
        return random.uniform(-r, r, shape)


@dataclass(frozen=True)
class LeCunNormal(Initializer):
    """N(0, 1 / fan_in); the one that SELU needs. Source: LeCun et al. 1998, eq. 16."""

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        return random.normal(math.sqrt(1 / fan_in), shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """gain · Q with orthonormal rows or columns. Source: Saxe, McClelland & Ganguli 2014."""

    gain: float = 1.0

    def draw(self, random: HostRandom, shape: Shape, fan_in: int, fan_out: int) -> Any:
        if len(shape) != 2:
            raise ValueError(
                f"Orthogonal: got a parameter of shape {shape}, expected a matrix; "
                "use it for weights, and zeros or a constant for biases."
            )
        return self.gain * random.orthogonal(shape)


INITIALIZERS: dict[str, Initializer] = {
    "zeros": Zeros(),
    "uniform": Uniform(),
    "normal": Normal(),
    "standard_normal": Normal(1.0),
    "glorot_uniform": GlorotUniform(),
    "glorot_normal": GlorotNormal(),
    "he_uniform": HeUniform(),
    "he_normal": HeNormal(),
    "lecun_uniform": LeCunUniform(),
    "lecun_normal": LeCunNormal(),
    "orthogonal": Orthogonal(),
}
"""The names that stand for an initializer with its default numbers."""

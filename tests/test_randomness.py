"""The same numbers everywhere, and numbers that are good enough."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from portable_mlp import randomness
from portable_mlp.backends import Backend


def test_uniform_is_the_same_bit_for_bit_on_every_backend(backend: Backend) -> None:
    ((low, high),) = randomness.stream_keys(seed=3, step=5, streams=1)

    def draw(a: object, b: object) -> object:
        return randomness.uniform(backend.xp, (64, 33), (a, b), backend.device)

    drawn = backend.compile(draw)(low, high)
    host = backend.to_numpy(drawn)
    assert host.dtype == np.float32
    digest = hashlib.sha256(np.ascontiguousarray(host).tobytes()).hexdigest()
    assert digest == "da7a54f386436cb42ad84b18cbdd64a558ba23dd09fb5a4959b88904664fe2e3"


def test_uniform_fills_the_unit_interval_evenly() -> None:
    (key,) = randomness.stream_keys(seed=0, step=0, streams=1)
    u = randomness.uniform(np, (1 << 20,), key)
    assert u.min() >= 0
    assert u.max() < 1
    assert abs(u.mean() - 0.5) < 4 * (1 / 12 / u.size) ** 0.5
    counts = np.histogram(u, bins=1024, range=(0, 1))[0]
    chi_square = ((counts - 1024) ** 2 / 1024).sum()
    assert abs(chi_square - 1023) < 5 * (2 * 1023) ** 0.5


@pytest.mark.parametrize("other", [(0, 1, 0), (1, 0, 0), (0, 0, 1)])
def test_streams_of_other_seeds_steps_and_layers_are_unrelated(other: tuple[int, int, int]) -> None:
    def draw(seed: int, step: int, stream: int) -> np.ndarray:
        keys = randomness.stream_keys(seed, step, stream + 1)
        return randomness.uniform(np, (1 << 18,), keys[stream])

    a, b = draw(0, 0, 0), draw(*other)
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / (1 << 9)
    assert abs(np.corrcoef(a[1:], b[:-1])[0, 1]) < 5 / (1 << 9)


def test_keys_are_int32_and_differ() -> None:
    keys = [k for step in range(500) for k in randomness.stream_keys(7, step, 4)]
    assert len(set(keys)) == 2000
    assert all(-(2**31) <= word < 2**31 for key in keys for word in key)


def test_generators_of_other_purposes_and_numbers_differ() -> None:
    draws = {
        (purpose, number): randomness.generator(5, purpose, number).random()
        for purpose in ("weights", "shuffle", "validation split")
        for number in (0, 1, 2)
    }
    assert len(set(draws.values())) == 9


def test_large_seeds_differ_too() -> None:
    draws = {s: randomness.generator(s, "weights").random() for s in (2**63, 2**63 + 1, 2**64 - 1)}
    assert len(set(draws.values())) == 3


def test_numbers_do_not_change_from_release_to_release() -> None:
    assert randomness.permutation(0, 0, 8).tolist() == [2, 0, 4, 1, 7, 5, 3, 6]
    assert randomness.HostStream(0).uniform(0, 1, (2,)).round(12).tolist() == [
        0.011546754286,
        0.241549196563,
    ]


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, True, "0", None])
def test_what_is_no_seed_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match=r"seed: got .*, expected a whole number"):
        randomness.check_seed(seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(6, 3), (3, 6), (4, 4)])
def test_orthogonal_rows_or_columns(shape: tuple[int, int]) -> None:
    q = randomness.HostStream(1).orthogonal(shape)
    assert q.shape == shape
    small = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-12)

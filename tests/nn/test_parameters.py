"""The flat vector: names, offsets, and views that come back whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_mlp import nn
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.nn.parameters import named_leaves, rebuild
from portable_mlp.randomness import HostStream

xp = NumpyBackend().xp


class Pair(NamedTuple):
    first: Any
    second: Any


class One(NamedTuple):
    only: Any


shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
specs = st.builds(
    nn.ParameterSpec,
    shapes,
    st.sampled_from([nn.Zeros(), nn.Constant(2.0), nn.HeUniform()]),
    st.integers(1, 4),
    st.integers(1, 4),
    st.booleans(),
)
names = st.text("abc_1", min_size=1, max_size=3)
trees = st.recursive(
    st.none() | specs,
    lambda children: (
        st.dictionaries(names, children, max_size=3)
        | st.builds(Pair, children, children)
        | st.builds(One, children)
    ),
    max_leaves=8,
)
layouts = trees.map(nn.ParameterLayout).filter(lambda layout: layout.entries)


@settings(deadline=None)
@given(layouts)
def test_views_flattened_are_the_vector(layout: nn.ParameterLayout) -> None:
    vector = np.arange(float(layout.size))
    vector.flags.writeable = False
    views = layout.views(vector, xp)
    assert np.array_equal(layout.flatten(views, xp), vector)
    for (_, spec), (_, view) in zip(named_leaves(layout.specs), named_leaves(views), strict=True):
        assert view.shape == spec.shape
        assert view.size == 0 or np.shares_memory(view, vector)


@settings(deadline=None)
@given(layouts)
def test_structure_is_kept(layout: nn.ParameterLayout) -> None:
    """Dictionaries, named tuples and None stay where they are, with their types."""
    leaves = [spec for _, spec in named_leaves(layout.specs)]
    assert rebuild(layout.specs, iter(leaves)) == layout.specs
    views = layout.views(np.zeros(layout.size), xp)
    assert [n for n, _ in named_leaves(views)] == [n for n, _ in named_leaves(layout.specs)]
    assert type(views) is type(layout.specs) or isinstance(layout.specs, nn.ParameterSpec)


@settings(deadline=None)
@given(layouts)
def test_places_follow_each_other(layout: nn.ParameterLayout) -> None:
    places = [place for _, _, place in layout.entries]
    assert places[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(places))
    assert places[-1].stop == layout.size == sum(length for _, length in layout.decay_mask())
    for name, spec, place in layout.entries:
        assert place.stop - place.start == int(np.prod(spec.shape))
        assert {layout.owner(index) for index in range(place.start, place.stop)} <= {name}


@settings(deadline=None)
@given(layouts)
def test_first_values_have_the_lengths_of_the_places(layout: nn.ParameterLayout) -> None:
    drawn = layout.draw(HostStream(0))
    assert np.concatenate(drawn).shape == (layout.size,)
    for values, (_, spec, _) in zip(drawn, layout.entries, strict=True):
        if isinstance(spec.initializer, nn.Constant):
            assert (values == 2.0).all()


LAYOUT = nn.ParameterLayout(
    nn.Network.of([nn.Dense(3), nn.ReLU(), nn.Dense(2, use_bias=False, name="out")]).parameters(
        (4,)
    )
)


def test_names_owners_and_decay() -> None:
    assert [(n, s.shape, p.start) for n, s, p in LAYOUT.entries] == [
        ("dense_1.weight", (4, 3), 0),
        ("dense_1.bias", (3,), 12),
        ("out.weight", (3, 2), 15),
    ]
    assert LAYOUT.size == 21
    owners = [LAYOUT.owner(index) for index in (0, 11, 12, 14, 15, 20)]
    wanted = ["dense_1.weight"] * 2 + ["dense_1.bias"] * 2 + ["out.weight"] * 2
    assert owners == wanted
    assert LAYOUT.decay_mask() == [(True, 12), (False, 3), (True, 6)]
    named = LAYOUT.named(np.arange(21), xp)
    assert named["out.weight"].tolist() == [[15, 16], [17, 18], [19, 20]]


@pytest.mark.parametrize("index", [21, -1])
def test_owner_outside_the_vector(index: int) -> None:
    with pytest.raises(IndexError, match=f"the vector has 21 places; got index {index}"):
        LAYOUT.owner(index)


def test_nothing_is_an_empty_vector() -> None:
    layout = nn.ParameterLayout(nn.Network.of([nn.ReLU()]).parameters((3,)))
    assert layout.size == 0
    assert layout.entries == ()
    assert layout.views(np.zeros(0), xp) == {"relu_1": None}
    assert layout.draw(HostStream(0)) == []


def test_round_trip_everywhere(backend: Backend) -> None:
    """dtype, device and values, and gradients that come as new arrays in place of views."""
    vector = backend.asarray(np.arange(21.0))
    views = LAYOUT.views(vector, backend.xp)
    doubled = rebuild(LAYOUT.specs, (2.0 * leaf for _, leaf in named_leaves(views)))
    flat = LAYOUT.flatten(doubled, backend.xp)
    assert flat.dtype == backend.dtype
    assert backend.device_name_of(flat) == backend.place
    assert np.array_equal(backend.to_numpy(flat), 2 * np.arange(21.0))
    assert views["dense_1"].bias.shape == (3,)
    assert views["out"].bias is None

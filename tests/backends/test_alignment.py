"""Where arrays begin, and that they are otherwise what numpy makes."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp.backends import alignment


@pytest.mark.parametrize("shape", [1, 5, (), (3, 5), 2**20, (1024, 1025)])
@pytest.mark.parametrize("dtype", ["float32", np.float64, np.bool_])
def test_empty_begins_at_a_cache_line_and_large_ones_at_a_huge_page(
    shape: int | tuple[int, ...], dtype: object
) -> None:
    made = [alignment.empty(shape, dtype) for _ in range(5)]
    expected = np.empty(shape, dtype)  # type: ignore[call-overload]
    for array in made:
        large = array.nbytes >= 2**22
        assert array.ctypes.data % (alignment.HUGE_PAGE if large else alignment.CACHE_LINE) == 0
        assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
        assert array.flags.c_contiguous
        assert array.flags.writeable


def test_empty_may_be_empty() -> None:
    assert alignment.empty((0, 3), "float32").shape == (0, 3)


def test_copy_is_one_and_in_c_order() -> None:
    x = np.arange(12.0).reshape(3, 4).T
    made = alignment.copy(x)
    assert np.array_equal(made, x)
    assert made.flags.c_contiguous
    assert not np.may_share_memory(made, x)

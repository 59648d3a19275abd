"""Training from a source that does not fit the budget: chunk by chunk, read ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, Doctor, TrainingDiverged
from portable_mlp.backends import Backend
from portable_mlp.data import Columns, DataFileError
from portable_mlp.data.source import Blocks, Piece, Source, split_source
from portable_mlp.data.stream import Stream
from portable_mlp.model.preparation import Border
from portable_mlp.optim import SGD, Adam
from portable_mlp.training import Callback, Run
from portable_mlp.training.feed import Chunk, Streamed, Whole
from portable_mlp.training.problem import Data

RNG = np.random.default_rng(2)
ROWS, FEATURES = 613, 5
X = RNG.normal(size=(ROWS, FEATURES)).astype(np.float32)
Y = np.sort((X[:, 0] > 0).astype(int))
BUDGET = 2 * 150 * (FEATURES + 1) * 4  # two chunks of up to 150 rows


class InMemory(Source):
    """Rows in blocks of unequal size, given out in pieces of unequal size."""

    def __init__(self, x: np.ndarray = X, y: np.ndarray = Y, block: int = 37) -> None:
        self.x, self.y, self.block = x, y, block
        self.sample_shape = x.shape[1:]
        self.blocks = tuple(min(block, len(x) - k) for k in range(0, len(x), block))
        self.reads: list[list[int]] = []

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        numbers = list(numbers)
        self.reads.append(numbers)
        for k in numbers:
            start, stop = k * self.block, min((k + 1) * self.block, len(self.x))
            for first, last in ((start, min(start + 11, stop)), (min(start + 11, stop), stop)):
                if last > first:
                    yield Piece(self.x[first:last], self.y[first:last])


def stream_of(source: Source, backend: Backend, batch_size: int = 20) -> Stream:
    problem = MLP([FEATURES, 2], backend=backend)._problem
    return Stream(source, backend, problem.loss, 2, batch_size=batch_size, budget=BUDGET, seed=3)


def chunks_of(stream: Stream, epoch: int | None) -> list[tuple[np.ndarray, np.ndarray]]:
    def take() -> tuple[np.ndarray, np.ndarray]:
        (x, real), (y, whole) = stream.memory
        return np.full(x, np.nan, real), np.full(y, -1, whole)

    return [(x[order], y[order]) for x, y, order in stream.fill(take, epoch, lambda: None)]


def rows_of(found: list[tuple[np.ndarray, np.ndarray]]) -> list[list[float]]:
    return sorted(
        [*x, y] for xs, ys in found for x, y in zip(xs.tolist(), ys.tolist(), strict=True)
    )


def test_every_row_comes_once_in_an_epoch() -> None:
    stream = stream_of(InMemory(), MLP([1, 2]).backend)
    expected = sorted([*x, y] for x, y in zip(X.tolist(), Y.tolist(), strict=True))
    orders = [chunks_of(stream, epoch) for epoch in (0, 1, None)]
    for found in orders:
        assert rows_of(found) == expected
        sizes = [len(x) for x, _ in found]
        assert all(size % 20 == 0 for size in sizes[:-1])
        assert max(sizes) <= 150
        assert len(sizes) == 5
    assert not np.array_equal(orders[0][0][0], orders[1][0][0])
    in_order = np.concatenate([x for x, _ in orders[2]])
    assert np.array_equal(in_order, X)


def test_a_chunk_has_rows_from_all_over_a_sorted_file() -> None:
    found = chunks_of(stream_of(InMemory(), MLP([1, 2]).backend), 0)
    shares = [y.mean() for _, y in found[:-1]]
    assert min(shares) > 0.15
    assert max(shares) < 0.85
    first = found[0][1][:20]
    assert 0 < first.mean() < 1  # the rows of a chunk are shuffled, too


@dataclass(frozen=True)
class SameOrder(Whole):
    """All rows on the device, in the order in which a stream gives them: the oracle."""

    stream: Stream

    def chunks(self, epoch: int) -> Generator[Chunk, None, None]:
        found = chunks_of(self.stream, epoch)
        x, y = (np.concatenate(parts) for parts in zip(*found, strict=True))
        data = Data(
            self.backend.asarray(x), self.backend.asarray(y, self.backend.index_dtype), None
        )
        yield Chunk(data, np.arange(len(x)), self.batch_size, 0, self.backend)


@pytest.mark.needs_argmax
@pytest.mark.parametrize("optimizer", [Adam(0.01), SGD(0.1, accumulation_steps=3)])
def test_streamed_training_is_the_training_on_rows_in_that_order(
    backend: Backend, optimizer: Adam | SGD, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MLP([FEATURES, 8, 2], backend=backend, seed=3)
    history = model.fit(
        InMemory(), epochs=3, batch_size=20, optimizer=optimizer, device_budget=BUDGET
    )
    oracle = MLP([FEATURES, 8, 2], backend=backend, seed=3)
    stream = stream_of(InMemory(), backend)

    def same_order(self: object, data: Data) -> Whole:
        return SameOrder(data, 20, 3, backend, stream)

    monkeypatch.setattr("portable_mlp.model.preparation.Preparation._whole", same_order)
    expected = oracle.fit(X, Y, epochs=3, batch_size=20, optimizer=optimizer)
    assert history["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    for name, value in oracle.parameters().items():
        np.testing.assert_allclose(model.parameters()[name], value, rtol=1e-5, atol=1e-6)


def test_a_source_that_fits_is_trained_as_arrays_are() -> None:
    model, oracle = MLP([FEATURES, 2]), MLP([FEATURES, 2])
    model.fit(InMemory(), epochs=2)
    oracle.fit(X, Y, epochs=2)
    assert np.array_equal(model.predict_proba(X), oracle.predict_proba(X))


def test_a_second_fit_goes_on_where_the_first_ended() -> None:
    options = {"batch_size": 20, "device_budget": BUDGET}
    twice, once = MLP([FEATURES, 4, 2], dropout=0.2), MLP([FEATURES, 4, 2], dropout=0.2)
    for _ in range(2):
        twice.fit(InMemory(), epochs=1, **options)
    once.fit(InMemory(), epochs=2, **options)
    assert np.array_equal(twice.predict_proba(X), once.predict_proba(X))


def test_rows_of_a_single_block_are_shuffled_anew_in_each_epoch() -> None:
    stream = stream_of(InMemory(block=1000), MLP([1, 2]).backend)
    first, second = (chunks_of(stream, epoch)[0][0] for epoch in (0, 1))
    assert sorted(first.tolist()) == sorted(second.tolist())
    assert not np.array_equal(first, second)


def test_figures_are_of_all_chunks(backend: Backend) -> None:
    model = MLP(
        [FEATURES, 1], loss="squared_error", metrics=["mean_absolute_error"], backend=backend
    )
    problem, target = model._problem, X[:, 1]
    stream = Stream(
        *(InMemory(X, target), backend, problem.loss, 1), batch_size=20, budget=BUDGET, seed=0
    )
    with backend.scope():
        sums = model._evaluate(*model._weights, Streamed(stream, 20, backend))
        found = [float(v) for v in sums]
    expected = model.evaluate(X, target[:, None])
    assert found[1] == ROWS
    assert found[0] / ROWS == pytest.approx(expected["loss"], rel=1e-5)
    assert found[2] / ROWS == pytest.approx(expected["mean_absolute_error"], rel=1e-5)


@pytest.mark.needs_argmax
def test_figures_and_predictions_of_a_source(backend: Backend) -> None:
    model = MLP([FEATURES, 4, 2], backend=backend, scaling="standard")
    history = model.fit(
        InMemory(),
        epochs=2,
        batch_size=20,
        device_budget=BUDGET,
        validation_data=InMemory(X[:200], Y[:200]),
    )
    expected = model.evaluate(X[:200], Y[:200])
    assert history["val_loss"][-1] == pytest.approx(expected["loss"], rel=1e-5)
    assert model.evaluate(InMemory()) == pytest.approx(model.evaluate(X, Y), rel=1e-5)
    assert np.array_equal(model.predict(InMemory()), model.predict(X))
    assert model.scaling is not None
    assert model.scaling.shift == pytest.approx(X.astype(float).mean(axis=0), rel=1e-9)


def test_targets_are_scaled_and_may_be_one_column() -> None:
    target = (X[:, 0] * 1e4 + 1e6).astype(np.float64)
    source = InMemory(X, target)
    model = MLP(
        [FEATURES, 1],
        loss="squared_error",
        metrics=["mean_absolute_error"],
        target_scaling="standard",
    )
    model.fit(source, epochs=60, batch_size=20, device_budget=BUDGET, learning_rate=0.01)
    assert float(np.abs(model.predict(source)[:, 0] - target).mean()) < 500


def test_whole_blocks_are_held_out() -> None:
    training, validation = split_source(InMemory(), 0.25, 5)
    assert training.rows + validation.rows == ROWS
    assert 0.2 < validation.rows / ROWS < 0.32
    seen = [
        piece.X for part in (training, validation) for piece in part.read(range(len(part.blocks)))
    ]
    assert sorted(np.concatenate(seen).tolist()) == sorted(X.tolist())
    model = MLP([FEATURES, 2])
    history = model.fit(InMemory(), epochs=1, device_budget=BUDGET, validation_fraction=0.25)
    assert history["val_loss"][0] > 0
    with pytest.raises(ValueError, match="has one block, expected at least two"):
        model.fit(InMemory(block=1000), device_budget=BUDGET, validation_fraction=0.25)


class Broken(InMemory):
    """Fails in the middle of its third reading."""

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        for k, piece in enumerate(super().read(numbers)):
            if len(self.reads) == 3 and k == 20:
                raise OSError("the disk is gone")
            yield piece


def readers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "portable_mlp reader"]


def test_an_error_of_the_reader_is_told_and_the_model_can_be_used() -> None:
    model = MLP([FEATURES, 2])
    before = model.parameters()["dense_1.weight"]
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(Broken(), epochs=5, batch_size=20, device_budget=BUDGET)
    assert not readers()
    assert np.isfinite(model.predict_proba(X)).all()
    assert not np.array_equal(before, model.parameters()["dense_1.weight"])
    model.fit(InMemory(), epochs=1, device_budget=BUDGET)


class Interrupt(Callback):
    """Ctrl-C in the middle of the second chunk."""

    def on_step_end(self, run: Run, step: int) -> None:
        if step == 10:
            raise KeyboardInterrupt


def test_an_interrupted_training_ends_the_reading() -> None:
    model = MLP([FEATURES, 2])
    history = model.fit(
        InMemory(), batch_size=20, device_budget=BUDGET, callbacks=[Interrupt()], verbose=0
    )
    assert history.stopped == "interrupted"
    assert not readers()
    assert np.isfinite(model.predict_proba(X)).all()


def test_divergence_is_found_in_the_chunk_where_it_happens(backend: Backend) -> None:
    target = np.where(np.arange(ROWS) == 400, 1e20, 1.0)
    model = MLP([FEATURES, 1], loss="squared_error", metrics=(), backend=backend)
    with pytest.raises(TrainingDiverged) as caught:
        model.fit(
            InMemory(X, target),
            epochs=2,
            batch_size=20,
            optimizer=SGD(1.0),
            device_budget=BUDGET,
        )
    order = np.concatenate(
        [
            y
            for _, y in chunks_of(
                Stream(
                    InMemory(X, target),
                    backend,
                    model.loss,
                    1,
                    batch_size=20,
                    budget=BUDGET,
                    seed=0,
                ),
                0,
            )
        ]
    )
    step = int(np.argmax(order[:, 0])) // 20 + 1
    assert caught.value.epoch == 1
    assert (caught.value.step, caught.value.first) == (step, "loss")
    assert not readers()
    assert np.isfinite(model.predict(X)).all()


def test_numbers_are_checked_as_they_are_read() -> None:
    bad = X.copy()
    bad[500, 3] = np.nan
    model = MLP([FEATURES, 2])
    with pytest.raises(
        ValueError, match="InMemory: X holds nan, no finite number for float32, in column 3"
    ):
        model.fit(InMemory(bad), batch_size=20, device_budget=BUDGET)
    with pytest.raises(ValueError, match="y holds the label 7"):
        model.fit(InMemory(X, np.where(np.arange(ROWS) == 99, 7, Y)), device_budget=BUDGET)
    counts = MLP([FEATURES, 1], loss="poisson", metrics=())
    with pytest.raises(ValueError, match="y holds numbers that Poisson can't have"):
        counts.fit(InMemory(X, np.where(np.arange(ROWS) == 99, -1.0, 1.0)), device_budget=BUDGET)
    huge = X.astype(np.float64)
    huge[3, 1] = 1e39
    with pytest.raises(ValueError, match=r"X holds 1e\+39, too large for float32"):
        model.fit(InMemory(huge), batch_size=20, device_budget=BUDGET)


def test_a_source_without_targets() -> None:
    class Bare(InMemory):
        def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
            for piece in super().read(numbers):
                yield Piece(piece.X, None)

    model = MLP([FEATURES, 2])
    assert np.array_equal(model.predict(Bare()), model.predict(X))
    for budget in (BUDGET, 2**28):
        with pytest.raises(ValueError, match="Bare: has no targets"):
            model.fit(Bare(), device_budget=budget)


def test_a_source_that_changes_is_noticed() -> None:
    source = InMemory()
    source.blocks = (*source.blocks, 5)
    with pytest.raises(ValueError, match="613 rows were read, expected 618"):
        MLP([FEATURES, 2]).fit(Blocks(source, range(18)), device_budget=BUDGET)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": None}, "expected a batch_size and an optimizer of mini-batches"),
        ({"optimizer": "lbfgs"}, "no step can see all of them"),
        ({"class_weight": "balanced"}, "class_weight is not there"),
        ({"sample_weight": np.ones(ROWS)}, "sample_weight is not there"),
        ({"y": Y}, "got an array beside a source"),
    ],
)
def test_what_a_stream_can_not_do(options: dict[str, object], words: str) -> None:
    model = MLP([FEATURES, 2])
    with pytest.raises(ValueError, match=words):
        model.fit(InMemory(), device_budget=BUDGET, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expected \(rows, 4\)"):
        MLP([4, 2]).fit(InMemory())


def test_the_doctor_looks_at_the_first_rows() -> None:
    doctor = Doctor(verify=False, quiet=True)
    MLP([FEATURES, 2]).fit(
        InMemory(), epochs=2, batch_size=20, device_budget=BUDGET, callbacks=[doctor]
    )
    assert doctor.report() is not None
    assert not readers()


@pytest.mark.parametrize("decodes", [False, True])
def test_two_chunks_are_in_memory_or_one_that_takes_turns(backend: Backend, decodes: bool) -> None:
    taken: list[tuple[int, ...]] = []

    class Counting(type(backend)):  # type: ignore[misc]
        def host_memory(self, shape: tuple[int, ...], dtype: object) -> np.ndarray:
            taken.append(shape)
            return np.empty(shape, dtype)  # type: ignore[call-overload, no-any-return]

    counting = Counting(backend.device_name, backend.dtype_name)
    with counting.scope():
        source = InMemory()
        source.decodes = decodes
        feed = Streamed(stream_of(source, backend), 20, counting)
        assert sum(int(part.x.shape[0]) for part in feed.parts()) == ROWS
    assert len(taken) == (2 if decodes and backend.shares_cores else 4)  # x and y, once or twice
    assert taken[0][0] <= 150


# -- what a source may be, and what it may not ---------------------------------------------------


class Said(InMemory):
    """Gives pieces that are made of others."""

    def __init__(self, change: Callable[[Piece], object], **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.change = change

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        for piece in super().read(numbers):
            yield self.change(piece)  # type: ignore[misc]


@pytest.mark.parametrize("budget", [BUDGET, 2**28])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: (p.X, p.y), "read gave a tuple, expected a Piece"),
        (
            lambda p: Piece(p.X[:, :1], p.y),
            r"a piece of X has shape \(11, 1\), expected \(rows, 5\)",
        ),
        (lambda p: Piece(p.X.astype(str), p.y), "X holds 'U' data, expected numpy numbers"),
        (lambda p: Piece(p.X + 1j, p.y), "X holds 'c' data"),
        (lambda p: Piece(p.X.tolist(), p.y), "X holds 'list' data"),
        (lambda p: Piece(p.X, p.y[:1]), "expected one target for each sample"),
        (lambda p: Piece(p.X, np.eye(2)[p.y]), r"y has shape \(11, 2\), expected class numbers"),
    ],
)
def test_a_piece_is_what_the_source_said(
    change: Callable[[Piece], object], words: str, budget: int
) -> None:
    with pytest.raises(DataFileError, match=f"Said: .*{words}"):
        MLP([FEATURES, 2]).fit(Said(change), batch_size=20, device_budget=budget)


@pytest.mark.parametrize("budget", [BUDGET, 2**28])
def test_targets_are_not_broadcast(budget: int) -> None:
    model = MLP([FEATURES, 3], loss="squared_error", metrics=())
    source = InMemory(X, X[:, :1])
    with pytest.raises(DataFileError, match=r"y has shape \(11, 1\), expected \(11, 3\)"):
        model.fit(source, batch_size=20, device_budget=budget)
    with pytest.raises(DataFileError, match=r"expected \(11, 3\)"):
        model.evaluate(source)
    # a number for each sample is a column, in memory and streamed
    one = MLP([FEATURES, 1], loss="squared_error", metrics=(), target_scaling="standard")
    one.fit(InMemory(X, X[:, 0]), batch_size=20, device_budget=budget)
    assert one.target_scaling is not None
    assert one.target_scaling.shift.shape == (1,)


def test_classes_of_a_source_are_those_of_the_model() -> None:
    source, other = InMemory(), InMemory()
    source.columns, other.columns = Columns(classes=("a", "b")), Columns(classes=("b", "c"))
    model = MLP([FEATURES, 2])
    model.fit(source, epochs=1)
    assert model.columns.classes == ("a", "b")
    with pytest.raises(ValueError, match="its classes are 'b', 'c', expected those of the model"):
        model.evaluate(other)
    with pytest.raises(ValueError, match="would not fit"):
        model.fit(other, epochs=1)
    numbers = MLP([FEATURES, 1], loss="squared_error")
    with pytest.raises(ValueError, match="its target is one of 2 classes, expected numbers"):
        numbers.fit(source, epochs=1)


def test_weights_beside_a_source_are_refused() -> None:
    with pytest.raises(ValueError, match="rows that are read meanwhile have no weights"):
        MLP([FEATURES, 2]).evaluate(InMemory(), sample_weight=np.ones(ROWS))


@pytest.mark.parametrize("budget", ["x", None, 0, -5, True, float("nan")])
def test_a_budget_is_a_number_of_bytes(budget: object) -> None:
    with pytest.raises(ValueError, match="expected a whole number of bytes"):
        MLP([FEATURES, 2]).fit(X, Y, device_budget=budget)  # type: ignore[arg-type]


def test_a_refused_stream_leaves_no_scaling_behind() -> None:
    model = MLP([FEATURES, 2], scaling="standard")
    with pytest.raises(ValueError, match="InMemory: y holds the label 9"):
        model.fit(InMemory(X, np.full(ROWS, 9)), batch_size=20, device_budget=BUDGET)
    assert model.scaling is None
    assert model.training_record is None
    bad = X.copy()
    bad[300, 2] = np.nan
    with pytest.raises(
        DataFileError, match="X holds nan, no finite number for float32, in column 2"
    ):
        model.fit(InMemory(bad), batch_size=20, device_budget=BUDGET)


def test_warnings_are_given_for_streams_too() -> None:
    with pytest.warns(UserWarning, match="feature 1 has scale"):
        MLP([FEATURES, 2]).fit(
            InMemory(X * np.float32([1, 1e6, 1, 1, 1])), epochs=1, device_budget=BUDGET
        )


class Endless(InMemory):
    """Waits for its second block until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.waits, self.go = threading.Event(), threading.Event()

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        for k, piece in enumerate(super().read(numbers)):
            if k == 12:
                self.waits.set()
                self.go.wait(30)
            yield piece


def test_nobody_waits_for_a_source_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portable_mlp.training.feed._PATIENCE", 0.01)
    source = Endless()

    class Impatient(Callback):
        def on_step_end(self, run: Run, step: int) -> None:
            assert source.waits.wait(30)
            raise KeyboardInterrupt

    history = MLP([FEATURES, 2]).fit(
        source, batch_size=20, device_budget=BUDGET, callbacks=[Impatient()], verbose=0
    )
    assert history.stopped == "interrupted"
    assert readers()
    source.go.set()
    readers()[0].join()


def test_validation_keeps_to_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    made = Stream.__init__

    def noted(self: Stream, *args: object, **options: object) -> None:
        asked.append(options["budget"])  # type: ignore[arg-type]
        made(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Stream, "__init__", noted)
    MLP([FEATURES, 2]).fit(
        InMemory(), epochs=1, batch_size=20, device_budget=BUDGET, validation_data=InMemory()
    )
    assert asked == [BUDGET, BUDGET]


def test_a_small_memory_map_is_an_array_like_any_other(tmp_path: Path) -> None:
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", X.dtype, X.shape)
    mapped[:] = X
    model, weights = MLP([FEATURES, 2]), np.linspace(0, 1, ROWS)
    one_hot = np.eye(2)[Y]
    for y, options in ((Y, {"sample_weight": weights}), (one_hot, {}), (Y.tolist(), {})):
        assert model.evaluate(mapped, y, **options) == model.evaluate(X, y, **options)
    twice = [MLP([FEATURES, 2]).fit(x, one_hot, epochs=2)["loss"] for x in (mapped, X)]
    assert twice[0] == twice[1]


def test_predictions_of_a_memory_map_larger_than_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", X.dtype, X.shape)
    mapped[:] = X
    model = MLP([FEATURES, 4, 2])
    expected, seen = model.predict_proba(X), list[int]()
    monkeypatch.setattr("portable_mlp.model.predictor.DEVICE_BUDGET", 1000)
    monkeypatch.setattr("portable_mlp.data.arrays.BLOCK", 400)
    features = Border.features

    def counting(self: Border, x: Any, **options: Any) -> Any:
        found = features(self, x, **options)
        seen.append(found.shape[0])
        return found

    monkeypatch.setattr(Border, "features", counting)
    assert np.allclose(model.predict_proba(mapped), expected, rtol=1e-6)
    assert sum(seen) == ROWS
    assert max(seen) == 20

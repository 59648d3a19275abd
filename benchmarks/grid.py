"""The points at which trainings are timed: network, batch size, data, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

QUICK_ROWS = 10_000
QUICK_SAMPLES = 30_000
QUICK_ACCURACY_EPOCHS = 6


@dataclass(frozen=True)
class Point:
    """One network with its batch size and data.

    Args:
        name: short, for tables and for ``--points``.
        sizes: inputs, hidden widths, outputs.
        batch_size: rows of a mini-batch; the last of an epoch may be smaller.
        data: ``"moons"``, ``"fashion-mnist"``, ``"digits"`` or ``"random"``.
        rows: of an epoch.
        samples: rows that a timed round goes over: one or more epochs.
        accuracy_epochs: epochs after which test accuracies are compared; they are the warm-up.
        quick: whether it belongs to ``--quick``.
    """

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    data: str = "fashion-mnist"
    rows: int = 60_000
    samples: int = 60_000
    accuracy_epochs: int = 3
    quick: bool = True

    @property
    def network(self) -> str:
        """``784-128-10``, with repeated widths in short: ``64-(64 × 8)-10``."""
        hidden = self.sizes[1:-1]
        if len(hidden) > 2 and len(set(hidden)) == 1:
            return f"{self.sizes[0]}-({hidden[0]} × {len(hidden)})-{self.sizes[-1]}"
        return "-".join(map(str, self.sizes))

    @property
    def steps(self) -> int:
        """Mini-batches of an epoch."""
        return -(-self.rows // self.batch_size)

    @property
    def epochs(self) -> int:
        """Epochs of a timed round."""
        return max(1, round(self.samples / self.rows))

    def smaller(self, rows: int | None) -> Point:
        """With at most so many rows."""
        return self if rows is None else replace(self, rows=min(rows, self.rows))

    def quicker(self) -> Point:
        """As ``--quick`` has it."""
        return replace(
            self.smaller(QUICK_ROWS),
            samples=min(self.samples, QUICK_SAMPLES),
            accuracy_epochs=max(self.accuracy_epochs, QUICK_ACCURACY_EPOCHS),
        )


GRID = (
    Point("G0", (2, 16, 2), 32, "moons", rows=10_000, samples=50_000, accuracy_epochs=30),
    Point("G1", (784, 128, 10), 64),
    Point("G2", (784, 128, 10), 128),
    Point("G3", (784, 256, 128, 100, 10), 128),
    Point("G4", (784, 512, 512, 10), 256, rows=30_000, samples=30_000, quick=False),
    Point("G5", (784, 1024, 1024, 10), 1024, rows=20_000, samples=20_000, quick=False),
    Point("G6", (64, *[64] * 8, 10), 128, "digits"),
)
"""Each epoch ends with a partial batch."""


def chosen(names: str | None, *, quick: bool, rows: int | None) -> list[Point]:
    """The points that a command line asks for.

    Args:
        names: such as ``"G1,G3"``; None for all (of ``--quick``, if that is on).
        quick: whether fewer rows will do.
        rows: upper limit of the rows, or None.

    Raises:
        ValueError: a name that no point has.
    """
    if names is None:
        points = [point for point in GRID if point.quick or not quick]
    else:
        known = {point.name: point for point in GRID}
        wanted = [name.strip().upper() for name in names.split(",")]
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise ValueError(f"--points: got {', '.join(unknown)}, expected {', '.join(known)}.")
        points = [known[name] for name in wanted]
    points = [point.quicker() if quick else point for point in points]
    return [point.smaller(rows) for point in points]

"""What a training did, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass
class History(Mapping[str, list[float]]):
    """Figures of each epoch: ``history["loss"]`` is a list with one number for each epoch.

    Always there: ``loss`` (what is minimised, penalties included: the mean over the epoch's samples,
    or the sum for a sum loss, each seen with the weights of its moment), ``learning_rate`` (of the
    epoch's last step), ``gradient_norm`` (root mean square of ‖gradient‖ over the optimizer's steps,
    before clipping), ``seconds``
    (validation included) and ``samples_per_second`` (training alone). Metrics by their names;
    figures of the validation set with ``val_`` in front. A metric that needs the whole set, such as
    ``roc_auc``, is there for the validation set alone.

    Args:
        figures: the lists.
        best_epoch: epoch (from 1) whose weights a callback restored, or None.
        stopped: why the training ended before its last epoch; empty if it did not.
    """

    figures: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    stopped: str = ""

    def __getitem__(self, name: str) -> list[float]:
        """The figure's list."""
        if name not in self.figures:
            known = ", ".join(self.figures) or "nothing yet"
            raise KeyError(f"history: got {name!r}, expected one of {known}.")
        return self.figures[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the figures."""
        return iter(self.figures)

    def __len__(self) -> int:
        """Number of figures."""
        return len(self.figures)

    @property
    def epochs(self) -> int:
        """Epochs that were run."""
        return len(self.figures.get("loss", []))

    def add(self, figures: Mapping[str, float]) -> None:
        """One more epoch."""
        for name, value in figures.items():
            self.figures.setdefault(name, []).append(value)

    def last(self) -> dict[str, float]:
        """The figures of the last epoch."""
        return {name: values[-1] for name, values in self.figures.items() if values}

    def as_dict(self) -> dict[str, object]:
        """For JSON: the lists, and what else is known."""
        return {**self.figures, "best_epoch": self.best_epoch, "stopped": self.stopped}

    def __repr__(self) -> str:
        """Epochs and the last figures."""
        shown = ", ".join(f"{name}={value:.4g}" for name, value in self.last().items())
        return f"History(epochs={self.epochs}, {shown})"

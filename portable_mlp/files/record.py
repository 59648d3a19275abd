"""What is known of how a model was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portable_mlp.data.fingerprint import Fingerprint


@dataclass(frozen=True)
class TrainingRecord:
    """How a model came by its weights. Of several trainings the last, but for the counters.

    Args:
        epochs: passes over the data that were begun, of all trainings together.
        steps: mini-batches that its weights have seen, of all trainings together; those that were taken
            back after numbers became non-finite are not counted.
        batch_size: rows of a mini-batch.
        optimizer: with what differs from its defaults.
        schedule: its name.
        figures: of the last epoch, without those that are times; None for what was not finite.
        stopped: why the training ended before its last epoch; empty if it did not.
        data: the training set, held-out rows included; None if it was not kept.
        backend: the array library.
        device: where it computed.
        precision: of its matrix products.
        versions: of Python, numpy, portable_mlp and the array library.
    """

    epochs: int
    steps: int
    batch_size: int
    optimizer: str
    schedule: str
    figures: Mapping[str, float | None]
    stopped: str
    data: Fingerprint | None
    backend: str
    device: str
    precision: str
    versions: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuses counters that a training could not go on from."""
        if not (0 <= self.epochs < 2**63 and 0 <= self.steps < 2**63):
            raise ValueError(
                f"training: {self.epochs} epochs and {self.steps} steps, expected numbers in [0, 2**63)."
            )

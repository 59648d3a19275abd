"""The measurement: contestants take turns at one point, each in a process of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.contestants import CPU_ENVIRONMENT, Entry
from benchmarks.contestants.contestant import Task
from benchmarks.datasets import Arrays, arrays_of
from benchmarks.disturbance import Disturbance
from benchmarks.grid import Point
from benchmarks.processes import Worker, WorkerError, say


@dataclass
class Team:
    """The workers of a point, and why the others are not among them.

    Args:
        workers: by the contestants' names.
        left_out: reasons by the contestants' names.
    """

    workers: dict[str, Worker] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def watch(self) -> Disturbance:
        """Begins to watch for programs that are not of the team."""
        return Disturbance(worker.pid for worker in self.workers.values())

    def drop(self, name: str, reason: str) -> None:
        """Goes on without one."""
        say(f"  {name}: {reason}")
        self.left_out[name] = reason
        worker = self.workers.pop(name, None)
        if worker is not None:
            worker.close()

    def each(self, question: Callable[[Worker], Any], turn: int = 0) -> dict[str, Any]:
        """Asks one after the other, another one first each turn; who fails is dropped."""
        names = list(self.workers)
        first = turn % len(names) if names else 0
        answers = {}
        for name in names[first:] + names[:first]:
            try:
                answers[name] = question(self.workers[name])
            except WorkerError as error:
                self.drop(name, str(error))
        return answers


@contextmanager
def team_for(
    point: Point,
    arrays: Arrays,
    entries: Mapping[str, Entry],
    *,
    timeout: float,
    device: str = "cpu",
) -> Iterator[Team]:
    """Workers that have imported, read the data and made their networks; they end with the block."""
    team, task = Team(), Task(point.sizes, point.batch_size, device=device)
    environment = CPU_ENVIRONMENT if device == "cpu" else {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    with tempfile.TemporaryDirectory() as folder:
        arrays.save(Path(folder))
        try:
            for name, entry in entries.items():
                reason = entry.missing()
                if reason:
                    team.drop(name, reason)
                else:
                    team.workers[name] = Worker(
                        name, entry, task, Path(folder), environment, timeout
                    )
            notes = team.each(Worker.ready)
            for name, note in notes.items():
                if note:
                    say(f"  {name} is {note}")
            yield team
        finally:
            for worker in team.workers.values():
                worker.dismiss()
            for worker in team.workers.values():
                worker.close()


def measure(
    point: Point,
    entries: Mapping[str, Entry],
    *,
    rounds: int,
    timeout: float,
    data_dir: str | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """One point: warm-up with accuracies, then the timed rounds.

    Args:
        point: network, batch size, data.
        entries: the contestants.
        rounds: timed rounds, in each of which everybody has a turn.
        timeout: seconds that one answer may take.
        data_dir: folder of Fashion-MNIST.
        device: ``"cpu"`` or ``"cuda"``.

    Returns:
        For JSON: ``point``, ``source`` of the data, ``contestants`` with all that was seen, and
        ``left_out``; ``disturbance`` is the number of cores that other programs kept busy.
    """
    arrays = arrays_of(point, data_dir)
    say(
        f"{point.name}: {point.network}, batch {point.batch_size}, {point.rows} rows, {arrays.source}"
    )
    with team_for(point, arrays, entries, timeout=timeout, device=device) as team:
        seen = _warm_up(team, point.accuracy_epochs if arrays.learnable else 1, arrays, entries)
        watch = team.watch()
        for turn in range(rounds):
            say(f"  round {turn + 1} of {rounds}")
            answers = team.each(lambda w: w.ask("train", epochs=point.epochs), turn)
            for name, answer in answers.items():
                seen[name]["rounds"].append(fmean(answer["seconds"]))
        disturbance = watch.cores()
        for name, peak in team.each(lambda w: w.ask("peak")).items():
            seen[name]["peak_mebibytes"] = round(peak)
        return {
            "point": asdict(point) | {"network": point.network, "steps": point.steps},
            "source": arrays.source,
            "learnable": arrays.learnable,
            "test_rows": len(arrays.y_test),
            "disturbance": disturbance,
            "contestants": {name: seen[name] for name in entries if name in team.workers},
            "left_out": team.left_out,
        }


def _warm_up(
    team: Team, epochs: int, arrays: Arrays, entries: Mapping[str, Entry]
) -> dict[str, dict[str, Any]]:
    """Trains from fresh weights, so that all is compiled; then the test accuracies."""

    def first(worker: Worker) -> dict[str, Any]:
        answer = worker.ask("train", epochs=epochs)
        found = {
            "rounds": [],
            "steps": answer["steps"] / epochs,
            "warm_up_seconds": answer["seconds"],
        }
        say(f"  {worker.name}: {answer['seconds'][-1]:.3f} s per epoch in the warm-up")
        if entries[worker.name].is_floor:
            return found
        found["losses"] = answer["losses"]
        if arrays.learnable:
            found["accuracy"] = worker.ask("accuracy")
        return found

    return team.each(first)

"""Interventions: copies are trained with each fix and with pairs, and compared with the untouched one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from portable_mlp.diagnosis.doctor.case import Suspicion
from portable_mlp.diagnosis.doctor.course import follow
from portable_mlp.diagnosis.doctor.levels import STATIC
from portable_mlp.diagnosis.doctor.patient import Patient
from portable_mlp.diagnosis.doctor.report import Trial
from portable_mlp.diagnosis.doctor.treatments import both

FEWEST, MOST = 50, 300
"""Updates of a trial, as far as the training has so many and the time allows."""
HELPS = 0.1
"""By so much of the chance loss (of the start, where that is unknown) a fix must lower the end."""
PAIRED = 4
"""Fixes that are tried in pairs."""
SINGLE = 6
"""Fixes that are tried at all."""
SOLVED = 0.05
"""Share of the chance loss below which there is nothing left to mend."""


@dataclass
class Trials:
    """What was tried and what came of it.

    Args:
        patient: the untouched one.
        seed: of the order of the samples.
        steps: of each trial.
        until: time at which to end.
        progress: is told what is being tried.
    """

    patient: Patient
    steps: int
    until: float
    seed: int = 0
    progress: Callable[[str], None] = lambda words: None
    made: list[Trial] = field(default_factory=list)
    tried: set[int] = field(default_factory=set)
    """Suspicions whose fix was tried at all."""
    _ends: dict[frozenset[int], float] = field(default_factory=dict)

    def run(self, suspicions: Sequence[Suspicion]) -> dict[int, float]:
        """``{place of a suspicion: end of the best trial that shows it to be blocking}``.

        Each fix alone, then in pairs, then all that helped in some way and all of these but one: of
        causes that must be mended together none helps alone, and each is missed among all.
        """
        places = [k for k, s in enumerate(suspicions) if s.treatment is not None][:SINGLE]
        static = [k for k in places if suspicions[k].finding.id in STATIC]
        untouched = self._try(suspicions, ())
        found: dict[int, float] = {}
        for k in places:
            end = self._try(suspicions, (k,))
            if self._better(end, untouched):
                found[k] = end
        if len(places) < 2:
            return found
        # what was there before the first step goes first: a lucky length of step must not hide it
        for pair in combinations(static, 2):
            self._add(found, pair, self._try(suspicions, pair))
        if min(self._ends.values()) < SOLVED * self.unit:
            return found  # nothing is left for a second fix to do
        paired = sorted(places, key=lambda k: (k not in found, suspicions[k].tier))[:PAIRED]
        for pair in combinations(paired, 2):
            self._add(found, pair, self._try(suspicions, pair))
        if len(places) > 2 and min(self._ends.values()) >= SOLVED * self.unit:
            everything = tuple(sorted(found)) if len(found) > 2 else tuple(places)
            end = self._try(suspicions, everything)
            if self._better(end, min(v for key, v in self._ends.items() if len(key) < 3)):
                for k in everything:
                    self._try(suspicions, tuple(other for other in everything if other != k))
            self._add(found, everything, end)
        return found

    def _add(self, found: dict[int, float], places: Sequence[int], end: float) -> None:
        """Notes those of the fixes without which the others don't get so far."""
        for k in places:
            rest = frozenset(places) - {k}
            without = min(v for key, v in self._ends.items() if key <= rest)
            if self._better(end, without):
                found[k] = min(end, found.get(k, math.inf))

    @property
    def unit(self) -> float:
        """What differences are measured in."""
        if self.patient.relative:
            return 1.0
        start = self.made[0].start if self.made else 1.0
        return start if math.isfinite(start) and start > 0 else 1.0

    def _better(self, end: float, other: float) -> bool:
        if not end < math.inf:
            return False
        worst = min(other, 2 * max(self.unit, self.made[0].start if self.made else 1.0))
        return worst - end >= HELPS * self.unit

    def _try(self, suspicions: Sequence[Suspicion], places: tuple[int, ...]) -> float:
        key = frozenset(places)
        if key in self._ends or (places and time.perf_counter() > self.until):
            return self._ends.get(key, math.inf)
        chosen = [suspicions[k] for k in places]
        self.tried |= key
        cures = [s.treatment for s in chosen if s.treatment is not None]
        words = both(cures).words if cures else "nothing"
        self.progress(words)
        try:
            copy = both(cures).apply(self.patient)
            left = max(self.until - time.perf_counter(), 0.5)
            course = follow(
                copy, self.steps, seed=self.seed, at=(0, self.steps), seconds=max(left / 3, 0.5)
            )
            start, end, steps = course.start, course.end, course.steps
            if copy.network is None and self.made and copy.y is not self.patient.y:
                # another scale of targets: only the share of the loss that is left can be compared
                end, start = (end / start * self.made[0].start, self.made[0].start)
        except (ValueError, ArithmeticError):
            start, end, steps = math.nan, math.inf, 0
        start = start if math.isfinite(start) else max(self.unit, end)
        # what has not fallen at all is no help, however badly the untouched copy does
        fell = start - end >= HELPS * min(start, self.unit)
        self._ends[key] = end if fell or not places else math.inf
        end, seen = self._ends[key], end
        helped = bool(places) and self._better(end, self._ends[frozenset()])
        ids = tuple(dict.fromkeys(s.finding.id for s in chosen))
        self.made.append(Trial(ids, words, steps, start, seen, helped))
        return end


def marked(suspicion: Suspicion, blocking: bool | None) -> Suspicion:
    """The same, with what the trials said of it."""
    return replace(suspicion, finding=replace(suspicion.finding, blocking=blocking))

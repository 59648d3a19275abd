"""Programs to be judged and the truth about them: healthy ones, and ones with a fault or two.

A fault is taken only where it matters: a wrong gradient must differ from the right one at random points,
any other fault must make the training end clearly worse, unless it is visible by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from benchmarks.diagnosis import families
from benchmarks.diagnosis.data import Random
from benchmarks.diagnosis.families import Family, NoneSuitsError
from benchmarks.diagnosis.faults import FAULTS, Fault, Planted
from benchmarks.diagnosis.program import Program, trained

DIFFERS = 1e-3
"""Relative distance from the right gradient that a wrong one must have."""
WORSE = 0.7
"""Share of the healthy training's gain over constant outputs that a harmed one may reach at most."""
TWO = 0.3
"""Share of the programs with two faults."""
OUTPUT_FORMULAS = {"R05", "R08", "R09", "R10", "R19"}
SIGNS = {"R01 all", "R01 layer", "R01 update", "F01"}
STEPS = {"D01", "D02", "D03", "R02 all"}
STUCK = {"D29 whole", "D29 forgotten", "R10"}
ILLEGAL = {"R12", "R18"}
OF_BIASES = {"R11", "R12", "R14", "D10", "D11", "D35"}
PLACES = ("data", "weights", "forward", "training", "gradient")


def go_together(one: Fault, other: Fault) -> bool:
    """Whether both would be there to see: neither cancels, hides or forbids the other."""
    a, b = sorted((one, other), key=lambda f: PLACES.index(f.place))
    names = {a.name, b.name}
    if a.place == b.place:
        return False
    for group in (SIGNS, STEPS):
        if names <= group:
            return False
    if STUCK & names:  # nothing else of the training shows
        return b.place == "gradient" and a.place == "training" and "R10" not in names
    if ILLEGAL & names and "training" in (a.place, b.place):
        return False
    if "R16" in names and "training" in (a.place, b.place):
        return False
    if {"D18", "F01"} & names and (OUTPUT_FORMULAS & names or a.name.startswith("D17")):
        return False
    if "D25" in names and (b.place in ("gradient", "forward") or "D35" in names):
        return False
    if a.place == "weights" and b.name == "D21":  # it has weights of its own
        return False
    if any(n.startswith("D20") for n in names) and OF_BIASES & names:
        return False
    if "D35" in names and (OF_BIASES - {"D35"}) & names:
        return False
    if "D24" in names and (b.place == "forward" or b.name in {"D03", "D08", "D09"}):
        return False
    if "D02" in names and ("R02 layer" in names or b.name.startswith("R23")):
        return False
    # of one scale and another: to change either is a cure
    return not (names & {"D05", "D34", "D17 squares"} and names & STEPS)


@dataclass
class Case:
    """A program and the truth about it.

    Args:
        program: as it is given to the diagnosis.
        planted: its faults; empty for a healthy one.
        base: the same without them.
        healthy: loss of the base after its training, over that of the best constant outputs.
        faulty: loss of the program after its own.
        redrawn: bases that were thrown away because a fault did not matter in them.
    """

    program: Program
    planted: list[Planted] = field(default_factory=list)
    base: Program | None = None
    healthy: float = float("nan")
    faulty: float = float("nan")
    redrawn: int = 0


def healthy_case(set_name: str, seed: int, number: int) -> Case:
    """A program without a fault; the same for the same arguments."""
    family = families.FAMILIES[set_name]
    program = families.healthy(family, np.random.default_rng([family.number, seed, 0, number]))
    return Case(program, healthy=trained(program).last)


def faulty_case(set_name: str, seed: int, number: int) -> Case:
    """A program with one fault or two; the same for the same arguments."""
    family = families.FAMILIES[set_name]
    random = np.random.default_rng([family.number, seed, 1, number])
    names = possible(set_name)
    turns = np.random.default_rng([family.number, seed, 2, number // len(names)])
    first = FAULTS[names[turns.permutation(len(names))[number % len(names)]]]
    two = random.random() < TWO
    for redrawn in range(400):
        chosen = [first]
        if two:
            others = [FAULTS[n] for n in names if go_together(first, FAULTS[n])]
            if others:
                chosen.append(others[int(random.integers(len(others)))])
        case = _case(family, random, chosen)
        if case is not None:
            case.redrawn = redrawn
            return case
    raise NoneSuitsError(f"{first.name} does not matter in any program")


def possible(set_name: str) -> list[str]:
    """Names of the faults that programs of a set can have."""
    none = {"D08", "D11", "D17 squares", "R08", "R15"} if set_name == "tuning" else set()
    return [name for name in FAULTS if name not in none]


def _case(family: Family, random: Random, chosen: list[Fault]) -> Case | None:
    chosen = sorted(chosen, key=lambda f: PLACES.index(f.place))
    seeds = [int(s) for s in random.integers(0, 2**31, len(chosen))]
    try:
        base = families.healthy(
            family,
            random,
            lambda p: all(f.suits(p) for f in chosen),
            attempts=20_000 if len(chosen) == 1 else 600,
        )
    except NoneSuitsError:
        return None
    reached = trained(base).last
    program, planted = base, []
    for one, seed in zip(chosen, seeds, strict=True):
        alone, both = one.planted(base, seed), one.planted(program, seed)
        if alone is None or both is None:
            return None
        if not matters(one, base, alone[0], reached):
            return None
        if one.place == "gradient" and not one.visible and not differs(program, both[0]):
            return None
        program = both[0]
        planted.append(both[1])
    ended = trained(program).last
    harm = [f for f in chosen if f.place != "gradient" and not f.visible]
    if harm and not worse(ended, reached):
        return None
    return Case(program, planted, base, reached, ended)


def matters(one: Fault, base: Program, program: Program, reached: float) -> bool:
    """Whether a fault by itself does harm, or can be seen."""
    if one.visible:
        return True
    if one.place == "gradient":
        return differs(base, program)
    return worse(trained(program).last, reached)


def worse(ended: float, reached: float) -> bool:
    """Whether a training ended clearly worse than the healthy one."""
    return 1 - ended < WORSE * (1 - reached)


def differs(right: Program, wrong: Program) -> bool:
    """Whether two programs give other gradients at random points."""
    random = np.random.default_rng(0)
    apart, seen = [], (right.copied(), wrong.copied())
    for _ in range(4):
        scale = [1.2 / np.sqrt(max(w.shape)) for w in right.weights]
        weights = [
            s * random.normal(size=w.shape) for s, w in zip(scale, right.weights, strict=True)
        ]
        biases = [0.5 * random.normal(size=b.shape) for b in right.biases]
        leaves = right._container(right._leaves(weights, biases))
        with np.errstate(all="ignore"):
            both = [p._flat(p.gradients(leaves, p.X, p.Y)) for p in seen]
        for g, n in zip(*both, strict=True):
            if g.shape != n.shape:
                return True
        g, n = (np.concatenate([a.reshape(-1) for a in one]) for one in both)
        size = max(float(np.linalg.norm(g)), float(np.linalg.norm(n)), 1e-300)
        apart.append(float(np.linalg.norm(g - n)) / size)
    return float(np.median(apart)) > DIFFERS

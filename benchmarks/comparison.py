"""What the rounds say: medians, ratios of turns that stand side by side, and what looks wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.contestants import OURS

TOLERANCE = 0.015
"""Accuracies may differ by that much for their seeds alone."""

MOST_DISTURBANCE = 0.1
"""Cores that other programs may keep busy while the rounds are timed."""

Result = Mapping[str, Any]


def is_floor(name: str) -> bool:
    """Whether a contestant does the matrix products alone."""
    return name.startswith("floor")


def seconds(result: Result, name: str) -> float:
    """Median seconds of an epoch."""
    return median(result["contestants"][name]["rounds"])


def floor_of(result: Result) -> str | None:
    """The fastest of those that do the products alone; None if none did."""
    floors = [name for name in result["contestants"] if is_floor(name)]
    return min(floors, key=lambda name: seconds(result, name), default=None)


def ours_of(result: Result) -> str | None:
    """Who the others are compared with: portable_mlp on numpy, or else its first backend there."""
    ours = [name for name in result["contestants"] if name.startswith("portable_mlp")]
    return OURS if OURS in ours else next(iter(ours), None)


def ratio(result: Result, name: str, to: str | None) -> float | None:
    """Median over the rounds of ``name``'s seconds divided by those of ``to``."""
    seen = result["contestants"]
    if to is None or name not in seen or to not in seen:
        return None
    pairs = zip(seen[name]["rounds"], seen[to]["rounds"], strict=True)
    return median(a / b for a, b in pairs)


def rows_of(result: Result) -> list[dict[str, Any]]:
    """A row of figures for each contestant of a point, the floors last."""
    floor, ours = floor_of(result), ours_of(result)
    rows = []
    for name, seen in sorted(result["contestants"].items(), key=lambda item: is_floor(item[0])):
        rows.append(
            {
                "name": name,
                "median": median(seen["rounds"]),
                "min": min(seen["rounds"]),
                "max": max(seen["rounds"]),
                "to_floor": ratio(result, name, floor),
                "to_ours": ratio(result, name, ours),
                "accuracy": seen.get("accuracy"),
                "peak_mebibytes": seen.get("peak_mebibytes"),
            }
        )
    return rows


def disturbed(result: Result) -> list[str]:
    """A sentence if other programs computed meanwhile, as far as that is known."""
    others = result.get("disturbance") or 0.0
    if others <= MOST_DISTURBANCE:
        return []
    return [f"other programs kept {others:.1f} cores busy meanwhile: measure again."]


def doubts(result: Result) -> list[str]:
    """Sentences on whatever makes the contestants incomparable; none if all is well."""
    found = []
    others = result.get("disturbance")
    if others is not None and others > MOST_DISTURBANCE:
        found.append(
            f"other programs kept {others:.1f} cores busy during the rounds: measure again."
        )
    learners = {n: s for n, s in result["contestants"].items() if not is_floor(n)}
    for name, seen in result["contestants"].items():
        if seen["steps"] != result["point"]["steps"]:
            found.append(
                f"{name} took {seen['steps']:g} steps an epoch, expected {result['point']['steps']}."
            )
    for name, seen in learners.items():
        losses = seen["losses"]
        if len(losses) > 1 and not losses[-1] < losses[0]:
            found.append(f"{name}: the loss went from {losses[0]:.4f} to {losses[-1]:.4f}.")
    accuracies = {n: s["accuracy"] for n, s in learners.items() if "accuracy" in s}
    if accuracies:
        middle = median(accuracies.values())
        allowed = allowed_difference(middle, result["test_rows"])
        for name, accuracy in accuracies.items():
            if abs(accuracy - middle) > allowed:
                found.append(
                    f"{name}: test accuracy {accuracy:.4f}, the median is {middle:.4f}; more than "
                    f"{allowed:.4f} apart."
                )
    return found


def allowed_difference(accuracy: float, rows: int) -> float:
    """Seeds' part plus three standard errors of a share of so many rows."""
    return TOLERANCE + 3 * math.sqrt(max(accuracy * (1 - accuracy), 1e-6) / rows)

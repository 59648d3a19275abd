"""What can keep a network from learning, beside a wrong gradient: one function for each kind.

Each rule looks at a case and gives suspicions. Thresholds are scale-free; the healthy figure stands in
the evidence. Where a fix can be tried, its effect decides and not the threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from portable_mlp.diagnosis.doctor.case import Case, Suspicion
from portable_mlp.diagnosis.doctor.rules.data import conflicts, inputs, labels, targets
from portable_mlp.diagnosis.doctor.rules.layers import (
    dead_layers,
    hidden_softmax,
    linear_network,
    mismatch,
    no_bias,
    saturated_layers,
    vanishing,
)
from portable_mlp.diagnosis.doctor.rules.steps import step_length
from portable_mlp.diagnosis.doctor.rules.symptoms import growing, one_class, oscillation, symptoms
from portable_mlp.diagnosis.doctor.rules.weights import first_weights, strong_penalty

Rule = Callable[[Case], Iterator[Suspicion]]


def all_suspicions(case: Case) -> Iterator[Suspicion]:
    """What all rules say, each cause once; a fix that can't be made here is left out."""
    seen: set[str] = set()
    for rule in RULES:
        for s in rule(case):
            if s.finding.id in seen:
                continue
            seen.add(s.finding.id)
            cure = s.treatment
            if cure is not None and cure.needs_network and case.patient.network is None:
                yield replace(s, treatment=None)
            else:
                yield s


RULES: tuple[Rule, ...] = (
    step_length,
    inputs,
    targets,
    labels,
    first_weights,
    strong_penalty,
    dead_layers,
    saturated_layers,
    vanishing,
    hidden_softmax,
    linear_network,
    no_bias,
    mismatch,
    conflicts,
    growing,
    oscillation,
    one_class,
    symptoms,
)

"""What the layers give while it trains, and what the network is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from portable_mlp.diagnosis.doctor import treatments as treat
from portable_mlp.diagnosis.doctor.case import Case, Suspicion, dead_units, saturated_share
from portable_mlp.diagnosis.doctor.course import follow
from portable_mlp.diagnosis.doctor.levels import (
    DATA,
    LEARNED,
    STATISTICS,
    SYMPTOM,
)
from portable_mlp.diagnosis.doctor.patient import adam_step
from portable_mlp.diagnosis.report import finding


def dead_layers(case: Case) -> Iterator[Suspicion]:
    """D10: hidden ReLUs that are 0 for every sample. D11: outputs that are."""
    if case.learned < 0.1:
        return
    for moment in (case.first, case.last):
        views = case.views(moment)
        for number, view in enumerate(views):
            dead = dead_units(view)
            is_output = number == len(views) - 1
            if is_output and dead.any():
                constant = view.a[:, dead].std() < 1e-9
                evidence = (
                    f"{int(dead.sum())} of {len(dead)} outputs are below 0 for every sample and have "
                    f"no gradient, seen at step {moment.step}"
                )
                cure = treat.with_activations(lambda a: (*a[:-1], "identity"), "a linear output")
                if constant or "leaky" in view.activation:
                    found = finding("D11", evidence, where=(view.name,))
                    yield Suspicion(found, cure, STATISTICS, certain=bool(dead.all()))
                    return
            elif not is_output and dead.mean() > 0.5:
                evidence = (
                    f"{dead.mean():.0%} of the units of {view.name} are 0 for every sample, seen at step "
                    f"{moment.step} (healthy: below 20 %)"
                )
                cure = treat.with_activations(
                    lambda a: [
                        f.replace("leaky_relu", "relu").replace("relu", "leaky_relu") for f in a
                    ],
                    "leaky ReLUs",
                )
                if moment is case.first:
                    cure = treat.with_fresh_weights()
                found = finding("D10", evidence, where=(view.name,))
                yield Suspicion(found, cure, STATISTICS, certain=bool(dead.all()))
                return


def saturated_layers(case: Case) -> Iterator[Suspicion]:
    """D12: hidden sigmoids or tanhs in their flat parts."""
    if case.learned < LEARNED:
        return
    for moment in (case.first, case.last):
        for view in case.views(moment)[:-1]:
            share = saturated_share(view)
            if share > 0.7:
                evidence = (
                    f"{share:.0%} of the activations of {view.name} are in the flat part of "
                    f"{view.activation}, seen at step {moment.step} (healthy: below 50 %)"
                )
                cure = treat.with_fresh_weights()
                yield Suspicion(finding("D12", evidence, where=(view.name,)), cure, STATISTICS)
                return


def vanishing(case: Case) -> Iterator[Suspicion]:
    """D13: the first layer's relative update beside the last one's."""
    views = case.views(case.first)
    if len(views) < 3 or case.learned < LEARNED:
        return
    sizes = [float(np.linalg.norm(case.first.change[v.weight])) for v in views]
    norms = [float(np.linalg.norm(case.first.values[v.weight])) for v in views]
    if min(norms) == 0 or sizes[-1] == 0:
        return
    relative = [s / n for s, n in zip(sizes, norms, strict=True)]
    if relative[0] < 1e-3 * relative[-1]:
        evidence = (
            f"one update changes layer 1 by {relative[0]:.1e} of its size and the last by "
            f"{relative[-1]:.1e} (healthy: within a factor of 100)"
        )
        yield Suspicion(finding("D13", evidence), treat.with_fresh_weights(), SYMPTOM)


def hidden_softmax(case: Case) -> Iterator[Suspicion]:
    """D19: a softmax inside."""
    views = case.views(case.first)
    inside = [v for v in views[:-1] if v.activation.startswith("softmax")]
    if not inside:
        return
    mean = 1 / inside[0].a.shape[1]
    evidence = f"the units of {inside[0].name} sum to 1 for each sample, {mean:.2g} on average"
    cure = treat.with_activations(
        lambda a: [*("tanh" if f.startswith("softmax") else f for f in a[:-1]), a[-1]],
        "tanh in place of the hidden softmax",
    )
    yield Suspicion(
        finding("D19", evidence, where=[v.name for v in inside]), cure, STATISTICS, certain=True
    )


def linear_network(case: Case) -> Iterator[Suspicion]:
    """D21: nothing but straight lines."""
    views = case.views(case.first)
    if len(views) == 1 and case.learned > LEARNED and not _can_be_learned(case):
        evidence = "there is no hidden layer: what the output depends on is one weighted sum"
        yield Suspicion(finding("D21", evidence), treat.with_hidden_layer(), DATA)
    if len(views) < 2 or any(v.activation != "identity" for v in views[:-1]):
        return
    evidence = "no hidden layer has an activation: the network is one linear map"
    cure = treat.with_activations(
        lambda a: [*("tanh" for _ in a[:-1]), a[-1]], "tanh in the hidden layers"
    )
    yield Suspicion(finding("D21", evidence), cure, DATA)


def _can_be_learned(case: Case) -> bool:
    """Whether the network as it is could do better than it did, with steps that suit."""
    if case.patient.network is None:
        return False
    everything = frozenset(range(len(case.patient.start)))
    suited = replace(
        case.patient, stepper=adam_step(0.03), scale=1.0, averaged=False, exact=everything
    )
    return follow(suited, 300, at=(0, 300), seconds=2.0).end < LEARNED


def no_bias(case: Case) -> Iterator[Suspicion]:
    """D20: layers without one."""
    network = case.patient.network
    if network is None or case.learned < LEARNED:
        return
    places = network.wiring.places
    if any(p.bias is not None or p.constant for p in places):
        return
    rows = case.patient.inputs_in_rows().astype(float)
    constant = (np.ptp(rows, axis=0) < 1e-12) & (np.abs(rows[0]) > 1e-12)
    if constant.any():
        return
    evidence = (
        "no array among the parameters is a bias, so an input of 0 has always the same output"
    )
    yield Suspicion(finding("D20", evidence, harmful=False), treat.with_biases(), DATA)


def mismatch(case: Case) -> Iterator[Suspicion]:
    """D16: an output and a loss that do not go together."""
    network = case.patient.network
    if network is None or case.classes is None or case.learned < LEARNED:
        return
    output, loss = network.network.activations[-1], network.network.loss
    if output == "sigmoid" and loss == "cross_entropy":
        evidence = (
            "outputs are sigmoids and the loss is -Σ t ln a, which is lowest with all outputs at 1"
        )
        yield Suspicion(finding("D16", evidence), None, SYMPTOM)

"""What can be seen of a program without a single derivative: types, shapes, repeated calls."""

from __future__ import annotations

import numpy as np

from portable_mlp.diagnosis.description import (
    COLUMNS,
    ROWS,
    Wiring,
    possible_outputs,
    wirings,
)
from portable_mlp.diagnosis.examination import Examination, same, same_layout
from portable_mlp.diagnosis.program import Memory, ProgramError
from portable_mlp.diagnosis.reference import Array
from portable_mlp.diagnosis.report import Finding, finding


def structure(e: Examination) -> None:
    """Types and memory of the parameters, shapes of outputs and targets.

    Raises:
        ProgramError: the loss is not finite at the parameters given.
    """
    program, findings = e.program, e.report.findings
    start = program.loss(program.values)
    if not np.isfinite(start) and e.tolerant:
        findings.append(finding("D04", f"it is {start}", where=("loss",)))
    elif not np.isfinite(start):
        raise ProgramError(
            f"loss: is {start} at the parameters given, expected a finite number; likely cause: an "
            "overflow in exp or log(0), or NaN in X or Y."
        )
    for one, other in program.aliased():
        findings.append(finding("F03", "one block of memory holds both", where=(other, one)))
    whole = [
        leaf
        for leaf in program.leaves
        if leaf.value.ndim and leaf.dtype.strip("u").startswith("int")
    ]
    if whole:
        names = [leaf.name for leaf in whole]
        findings.append(finding("D29", f"their type is {whole[0].dtype}", where=names))
    e.report.checked.append("types and memory of the parameters")
    outputs = program.outputs(program.values)
    if outputs is not None:
        findings += [f for f in (_broadcast(e, outputs, start), _softmax(e, outputs)) if f]
        e.report.checked.append("outputs against targets")


def _broadcast(e: Examination, outputs: Array, loss: float) -> Finding | None:
    """Targets that are spread over the outputs, where that changes the loss."""
    targets = e.program.targets
    if outputs.shape == targets.shape or outputs.size != targets.size:
        return None
    try:
        spread = np.broadcast_shapes(outputs.shape, targets.shape)
        shaped = e.program.with_targets(targets.reshape(outputs.shape))
        changes = not np.isclose(shaped.loss(shaped.values), loss, rtol=1e-9, atol=0)
    except (ValueError, ProgramError):
        return None
    if spread == outputs.shape or not changes:
        return None
    evidence = f"outputs {outputs.shape} - targets {targets.shape} gives {spread}"
    return finding("D25", evidence, where=("Y",), formula=f"Y.reshape{outputs.shape}")


def _softmax(e: Examination, outputs: Array) -> Finding | None:
    if outputs.ndim != 2 or min(outputs.shape) < 2 or outputs.min() < 0:
        return None
    across, down = outputs.sum(axis=1), outputs.sum(axis=0)
    of_samples, of_outputs = (down, across) if e.columns else (across, down)
    if not np.allclose(of_outputs, 1, atol=1e-6) or np.allclose(of_samples, 1, atol=1e-3):
        return None
    evidence = (
        f"over the samples each output sums to 1; those of one sample sum to {of_samples[0]:.4g}"
    )
    return finding("D18", evidence, where=("forward",), formula=axis_of_outputs(e.columns))


def axis_of_outputs(columns: bool) -> str:
    """The argument of a sum over the outputs of each sample."""
    return "axis=0, keepdims=True" if columns else "axis=1, keepdims=True"


def repeats(e: Examination) -> bool:
    """The same call twice; False where nothing further can be learned."""
    program, findings = e.medium, e.report.findings
    values = program.values
    losses = [program.loss(values) for _ in range(3)]
    if np.isfinite(losses).all() and _apart(losses):
        _all(e, "seeded", True)
        seeded = [program.loss(values) for _ in range(3)]
        if not _apart(seeded):  # it draws numbers, and remembers nothing
            losses = seeded
            e.report.limits.append(
                "other random numbers than one draw: those of np.random are held fixed here"
            )
        else:
            _all(e, "seeded", False)
    if np.isfinite(losses).all() and _apart(losses):
        seen = ", ".join(f"{value:.8g}" for value in losses)
        evidence = f"three calls with the same parameters give {seen}"
        findings.append(finding("D28", evidence, where=("loss",)))
        _same_number(e)
        e.report.limits.append(
            "the gradient: it can't be compared with a loss that changes by itself"
        )
        return False
    outputs = program.outputs(values)
    if outputs is not None:
        other = [v + 0.1 * e.random.normal(size=v.shape) for v in values]
        program.outputs(other)
        again = program.outputs(values)
        if again is not None and np.isfinite(outputs).all() and not same(again, outputs):
            apart = float(np.abs(again - outputs).max())
            evidence = f"the same inputs and parameters give outputs that differ by {apart:.2g}"
            findings.append(finding("D28", evidence, where=("forward",)))
            _same_number(e)
            return False
    first, second, third = (program.gradients(values) for _ in range(3))
    e.first = first if program is e.program else e.program.gradients(values)
    for what in sorted(program.changed | e.program.changed):
        findings.append(finding("F02", what, where=(what.split()[0],)))
    pairs = [
        (name, a, b)
        for name, a, b in zip(program.names, first, second, strict=True)
        if a is not None and b is not None and not same(a, b)
    ]
    e.report.checked.append("the same call twice")
    if not pairs:
        return _alone(e, first)
    kept = _memory(e, [first, second, third])
    seen = "they differ"
    if kept is not None:
        of = "of all calls before" if kept.of_all else "of the call before"
        seen = f"they differ: {kept.share:.3g} times that {of} is added"
    evidence = f"of two calls at the same parameters {seen}"
    findings.append(finding("R16", evidence, where=[name for name, _, _ in pairs]))
    if kept is None:
        return False
    _all(e, "memory", kept)
    e.first = e.program.gradients(values)
    e.report.limits.append("the program's own gradients; instead, what each call adds to them")
    return True


def _all(e: Examination, name: str, value: object) -> None:
    """Sets a property of the program in all its forms."""
    for program in (e.program, e.medium, e.small):
        setattr(program, name, value)


def _apart(losses: list[float]) -> bool:
    return float(np.ptp(losses)) > 1e-12 * max(1.0, abs(losses[0]))


def _same_number(e: Examination) -> None:
    """R22 where nothing can be compared: one number for all entries of all parameters."""
    values = [e.random.normal(size=v.shape) for v in e.program.values]
    found = [g for g in e.program.gradients(values) if g is not None and g.size > 3]
    numbers = np.concatenate([np.zeros(0), *(g.reshape(-1) for g in found)])
    if found and numbers.any() and np.ptp(numbers) <= 1e-9 * np.abs(numbers).max():
        evidence = f"every entry of every gradient is {numbers[0]:.4g} at random parameters"
        e.report.findings.append(finding("R22", evidence, where=e.program.names))


def _memory(e: Examination, calls: list[list[Array | None]]) -> Memory | None:
    """What of earlier calls is in a gradient; None if it is nothing simple.

    Args:
        e: the examination.
        calls: three calls at the parameters given, one after the other.
    """
    program, values = e.medium, e.program.values

    def flat(found: list[Array | None]) -> Array:
        return np.concatenate([np.zeros(0), *(g.reshape(-1) for g in found if g is not None)])

    first, second, third = (flat(call) for call in calls)
    if len({first.size, second.size, third.size}) > 1:
        return None
    if not same(third, second):  # r = g + s r of the call before
        step, next_step = second - first, third - second
        share = float(next_step @ step) / max(float(step @ step), 1e-300)
        fourth = flat(program.gradients(values))
        fits = same(fourth - third, share * next_step) and same(next_step, share * step)
        return Memory(True, share) if fits and share > 0 else None
    # r = g + s g of the call before: here (1 + s) g, elsewhere (1 + s) g', and back here g + s g'
    other = [v + 0.1 * e.random.normal(size=v.shape) for v in values]
    program.gradients(other)
    there, back = flat(program.gradients(other)), flat(program.gradients(values))
    apart = there - back
    share = float((back - third) @ apart) / max(float(apart @ apart), 1e-300)
    fits = share > 1e-9 and same((1 + share) * back, third + share * there)
    return Memory(False, share) if fits else None


def _alone(e: Examination, first: list[Array | None]) -> bool:
    """Whether the gradient does without what a call of the loss has left behind."""
    program, values = e.medium, e.program.values
    other = [v + 0.1 * e.random.normal(size=v.shape) for v in values]
    program.loss(other)
    after = program.gradients(values)
    names = [
        name
        for name, a, b in zip(program.names, first, after, strict=True)
        if a is not None and b is not None and not same(a, b)
    ]
    if not names:
        return True
    evidence = (
        "it changes when the loss is computed at other parameters before: it uses what that left"
    )
    e.report.findings.append(finding("R16", evidence, where=names))
    return False


def shapes(e: Examination) -> bool:
    """Each gradient beside its parameter; False where nothing further can be learned."""
    program, fine = e.program, True
    for k, (name, value, g) in enumerate(zip(program.names, program.values, e.first, strict=True)):
        if _row_for_each_sample(e, k):
            evidence = f"its shape is {value.shape}, and there are {e.rows} samples"
            e.report.findings.append(finding("D35", evidence, where=(name,)))
        wrong = _shape(e, name, value, g)
        if wrong is not None:
            e.report.findings.append(wrong)
            e.unusable.add(k)
            fine = fine and wrong.id in ("R11", "R12")
    e.report.checked.append("shapes")
    return fine


def _shape(e: Examination, name: str, value: Array, g: Array | None) -> Finding | None:
    if g is None:
        return finding(
            "R18", "the gradient is None", where=(name,), formula="Return one array for each."
        )
    evidence = f"the gradient is {g.shape}, the parameter {value.shape}"
    is_bias, axis = sum(n > 1 for n in value.shape) <= 1, 1 if e.columns else 0
    is_bias = is_bias and not _is_a_weight(e, name)
    if g.size != value.size:
        if is_bias and g.size == 1:
            return finding("R11", evidence, where=(name,), axis=axis)
        if is_bias and e.rows > 1 and e.rows in g.shape:
            return finding("R12", evidence, where=(name,), axis=axis)
        how = "A matrix product, @, sums over the samples; * does not."
        return finding("R18", evidence, where=(name,), formula=how)
    if not np.isfinite(g).all() and not any(f.id == "D04" for f in e.report.findings):
        how = "Look for a division by 0, log(0) or an overflow in exp."
        return finding("R18", "it holds NaN or infinity", where=(name,), formula=how)
    if not same_layout(g, value):
        how = "Its rows and columns are exchanged: dW.T, or the factors of the product turned."
        if value.ndim < 2 or g.ndim < 2:
            how = f"Give it the parameter's shape: .reshape{value.shape}."
        return finding("R18", evidence, where=(name,), formula=how)
    return None


def _row_for_each_sample(e: Examination, k: int) -> bool:
    """Whether a parameter looks like a bias that was once added to sums over the wrong axis."""
    shape = e.program.leaves[k].value.shape
    if _is_a_perceptron(e):
        return False
    if e.rows < 2 or e.rows not in shape:
        return False
    matrices = [leaf.value.shape for leaf in e.program.leaves[:k] if leaf.value.ndim == 2]
    units = set(matrices[-1]) if matrices else set()
    units = units - {e.features} or units
    if shape == (e.rows,):
        return bool(matrices) and e.rows not in matrices[-1]
    return shape in [(u, e.rows) if e.columns else (e.rows, u) for u in units]


def _is_a_perceptron(e: Examination) -> bool:
    """Whether shapes alone say what each array is."""
    return bool(_wirings(e))


def _is_a_weight(e: Examination, name: str) -> bool:
    """Whether shapes alone say that an array is no bias."""
    k, found = e.program.names.index(name), _wirings(e)
    return bool(found) and all(any(p.weight == k for p in w.places) for w in found)


def _wirings(e: Examination) -> list[Wiring]:
    shapes = [leaf.value.shape for leaf in e.program.leaves]
    x, y = e.program.inputs, e.program.targets
    layout = COLUMNS if e.columns else ROWS
    units = [e.outputs] if y.ndim == 2 and 1 not in y.shape else possible_outputs(y, shapes)
    return [w for n in units for w in wirings(shapes, x, n) if w.samples_in == layout]

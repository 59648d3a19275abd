"""A checkpoint as a file: the container of model files, with another description in it.

The description is data, and so are the arrays: whoever resumes a training builds it from the program's
own options, and only fills numbers in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from portable_mlp.files import container, strict_json
from portable_mlp.files.container import Container
from portable_mlp.files.errors import NEWER, Refusal, reading
from portable_mlp.files.opening import read as read_container
from portable_mlp.files.plain import as_json, from_json
from portable_mlp.scaling import Scaling
from portable_mlp.training.history import History
from portable_mlp.training.standing import Standing

FORMAT = "portable_mlp checkpoint"
VERSION = 1
_KEPT = (
    "numbers, text, None, lists, dictionaries, and numpy arrays of float32 or float64 that are not "
    "empty"
)


@dataclass(frozen=True)
class Description:
    """What is in a checkpoint beside its arrays.

    Args:
        epoch: number of the epoch, from 0 in its training.
        step: mini-batches of it that are done.
        epochs: planned.
        figures: names of the history's lists.
        best_epoch: of the history.
        stopped: likewise.
        callbacks: classes of callbacks that have something to go on from.
        states: what that is, as JSON.
        identity: what the training is: its options and data.
        conditions: what its bits depend on besides.
        written_by: the program, with its version.
    """

    epoch: int
    step: int
    epochs: int
    figures: tuple[str, ...]
    best_epoch: int | None
    stopped: str
    callbacks: tuple[str, ...]
    states: tuple[str, ...]
    identity: Mapping[str, str]
    conditions: Mapping[str, str]
    written_by: str


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds.

    Args:
        description: all but the numbers.
        standing: where the training stands.
        scalings: the arrays of the samples' scaling and the targets', by name.
    """

    description: Description
    standing: Standing
    scalings: Mapping[str, np.ndarray]


def described(
    standing: Standing,
    epochs: int,
    identity: Mapping[str, str],
    conditions: Mapping[str, str],
    written_by: str,
) -> tuple[Description, dict[str, np.ndarray]]:
    """The description of a standing, and its arrays by their names in the file.

    Raises:
        Refusal: a callback's state is something that no file can hold.
    """
    arrays = {f"training/{name}": array for name, array in standing.arrays.items()}
    figures = standing.history.figures
    arrays |= {f"history/{i}": np.asarray(v, np.float64) for i, v in enumerate(figures.values())}
    states = []
    for number, (_, state) in enumerate(standing.callbacks):

        def keep(array: np.ndarray, number: int = number) -> str:
            name = f"callback/{number}/{len(arrays)}"
            arrays[name] = array
            return name

        states.append(strict_json.dumps(_plain(state, keep)))
    description = Description(
        *(standing.number, standing.done, epochs, tuple(figures)),
        *(standing.history.best_epoch, standing.history.stopped),
        *(tuple(name for name, _ in standing.callbacks), tuple(states)),
        *(identity, conditions),
        written_by,
    )
    return description, arrays


def scaling_arrays(**scalings: Scaling | None) -> dict[str, np.ndarray]:
    """The arrays of each scaling that there is, by name."""
    return {
        f"{name}/{part}": np.asarray(getattr(scaling, part), np.float64)
        for name, scaling in scalings.items()
        if scaling is not None
        for part in scaling.parts
    }


def to_pieces(
    description: Description, arrays: Mapping[str, np.ndarray]
) -> list[bytes | memoryview]:
    """The bytes of a file, in pieces.

    Raises:
        Refusal: names or arrays that a file can't have.
    """
    document = as_json(description)
    document |= {"format": FORMAT, "version": VERSION, "requires": []}
    document["checksum"] = container.NO_CHECKSUM
    text = strict_json.dumps(document)
    size = len(strict_json.dumps(text))  # in the header it is a JSON string
    if size > container.MAX_HEADER:
        raise Refusal(
            f"its description has {size:,} bytes, expected at most {container.MAX_HEADER:,}",
            "a callback's state_dict holds long lists; numpy arrays have room in a file",
        )
    return container.pack(text, arrays)[0]


def read(path: Path) -> Saved:
    """What a file holds; every byte of it is checked.

    Raises:
        ModelFileError: it is no checkpoint, is damaged, or a newer version wrote it.
        OSError: it is not there, or can't be read.
    """
    with reading(repr(str(path))):
        return unpacked(read_container(path))


def unpacked(held: Container) -> Saved:
    """The checkpoint in a container.

    Raises:
        Refusal: description and arrays do not make one.
    """
    description = _described(held.text)
    scalings = {
        name: held.array(name)
        for name in held.tensors
        if name.partition("/")[0] in ("scaling", "target_scaling")
    }
    return Saved(description, _standing(description, held), scalings)


def _described(text: str) -> Description:
    document = strict_json.loads(text, "its description")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise Refusal(f"its description is of another format, expected {FORMAT!r}")
    version, requires = document.get("version"), document.get("requires")
    if type(version) is not int or version < 1 or not isinstance(requires, list):
        raise Refusal("its description has no version or no list of what it requires")
    if version > VERSION or requires:
        raise Refusal(f"it has version {version}, expected version {VERSION} at most", NEWER)
    made: Description = from_json(Description, document, "its description")
    return made


def _standing(description: Description, held: Container) -> Standing:
    number, done, names = description.epoch, description.step, description.figures
    lists = [_arrays(held, f"history/{i}").get("") for i in range(len(names))]
    shapes = {None if array is None else array.shape for array in lists} or {(0,)}
    if min(number, done, description.epochs - 1) < 0 or shapes not in (
        {(number,)},
        {(number + 1,)},
    ):
        raise Refusal(
            f"it is in epoch {number} of {description.epochs}, step {done}, and has figures of shapes "
            f"{sorted(map(str, shapes))}, which do not go together"
        )
    figures = {
        name: array.tolist() for name, array in zip(names, lists, strict=True) if array is not None
    }
    history = History(figures, description.best_epoch, description.stopped)
    states = [strict_json.loads(text, "a callback's state") for text in description.states]
    if len(states) != len(description.callbacks) or not all(isinstance(s, dict) for s in states):
        raise Refusal("it has a state that is no callback's, expected a dictionary for each")
    return Standing(
        number,
        done,
        _arrays(held, "training/"),
        history,
        [(n, _value(s, held)) for n, s in zip(description.callbacks, states, strict=True)],
    )


def _arrays(held: Container, start: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin so, by the rest of their names."""
    return {
        name.removeprefix(start): held.array(name)
        for name in held.tensors
        if name.startswith(start)
    }


def _plain(value: Any, keep: Callable[[np.ndarray], str]) -> Any:
    """A callback's state in the types of JSON; its arrays are kept elsewhere."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype.name in ("float32", "float64") and value.size:
        return {"$array": keep(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(child, keep) for child in value]
    if isinstance(value, Mapping) and all(isinstance(k, str) and k[:1] != "$" for k in value):
        return {key: _plain(child, keep) for key, child in value.items()}
    raise Refusal(
        f"a callback's state_dict gave {value!r:.100} of type {type(value).__name__}, expected {_KEPT}",
        "use float() and tolist()",
    )


def _value(plain: Any, held: Container) -> Any:
    """The other way round."""
    if isinstance(plain, list):
        return [_value(child, held) for child in plain]
    if not isinstance(plain, dict):
        return plain
    if plain.keys() == {"$float"} and plain["$float"] in ("nan", "inf", "-inf"):
        return float(plain["$float"])
    if plain.keys() == {"$array"} and isinstance(plain["$array"], str):
        if plain["$array"] not in held.tensors:
            raise Refusal("it lacks an array of a callback's state")
        return held.array(plain["$array"])
    if any(key.startswith("$") for key in plain):
        raise Refusal("it has a callback's state that no state_dict gave")
    return {key: _value(child, held) for key, child in plain.items()}

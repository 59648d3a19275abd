"""Reads files that are wrong, and counts what happens.

python -m benchmarks.fuzz model --inputs 1000000 --seed 0

Each input is one of the target's right files with something changed in it; it depends on the seed and
its number alone, so ``--only NUMBER`` makes it again. The exit status is 1 if a reader raised anything
but its own refusal, or accepted what it should not.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzzing import data_files, model
from benchmarks.fuzzing.mutations import byte_edit
from benchmarks.fuzzing.target import Target

TARGETS: dict[str, Target] = {"model": model.TARGET, **data_files.TARGETS}
"""By the names that the command line takes."""

_SHOWN = 5


@dataclass
class Tally:
    """What happened so far."""

    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[int] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)


def main() -> int:
    """Fuzzes one target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="make this input again and show what happens")
    parser.add_argument("--write", type=Path, help="with --only: put the input into this file")
    options = parser.parse_args()
    target = TARGETS[options.target]
    if options.only is not None:
        return show(target, options.seed, options.only, options.write)
    target.seeds()
    began, tally = time.process_time(), Tally()
    for number in range(options.inputs):
        try_one(target, options.seed, number, tally)
    seconds = time.process_time() - began
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{options.target}, seed {options.seed}: {options.inputs:,} inputs in {seconds:.0f} s of the "
        f"processor, {options.inputs / seconds:,.0f} a second; most memory {megabytes:.0f} MB; slowest "
        f"{1000 * tally.slowest[0]:.1f} ms (input {tally.slowest[1]})"
    )
    for kind, count in tally.kinds.most_common():
        print(f"{count:>12,}  {kind}")
    print("why refused:")
    for reason, count in tally.reasons.most_common(40):
        print(f"{count:>12,}  {reason}")
    print(f"wrong: {len(tally.wrong)} {tally.wrong[:20]}")
    return 1 if tally.wrong else 0


def made(target: Target, seed: int, number: int) -> bytes:
    """The input of this number."""
    rng, seeds = random.Random(seed << 40 | number), target.seeds()  # noqa: S311
    edit = rng.choice((byte_edit(target.words), *target.edits))
    return edit(rng, rng.choice(seeds), seeds)


def try_one(target: Target, seed: int, number: int, tally: Tally) -> None:
    """Makes an input, reads it, counts."""
    data = made(target, seed, number)
    began = time.process_time()
    try:
        result = target.read(data)
        tally.slowest = max(tally.slowest, (time.process_time() - began, number))
        kind = "accepted as it was" if data in target.seeds() else "accepted, changed"
        tally.kinds[kind] += 1
        target.check(data, result)
    except target.refusal as error:
        tally.slowest = max(tally.slowest, (time.process_time() - began, number))
        tally.kinds[type(error).__name__] += 1
        tally.reasons[_in_short(str(error))] += 1
    except Exception as error:
        tally.kinds[f"WRONG {type(error).__name__}"] += 1
        tally.wrong.append(number)
        if len(tally.wrong) <= _SHOWN:
            print(f"input {number}:\n{traceback.format_exc()}", file=sys.stderr)


def show(target: Target, seed: int, number: int, path: Path | None) -> int:
    """One input again."""
    data = made(target, seed, number)
    print(f"{len(data)} bytes, {data[:2000]!r}")
    if path is not None:
        path.write_bytes(data)
    target.check(data, target.read(data))
    return 0


def _in_short(message: str) -> str:
    """A message without its file and without what differs from file to file."""
    said = message.partition(": ")[2]
    return re.sub(r"""'[^']*'|"[^"]*"|\(.*?\)|[-\d.,]*\d|\[.*?\]""", "#", said)[:100]


if __name__ == "__main__":
    sys.exit(main())

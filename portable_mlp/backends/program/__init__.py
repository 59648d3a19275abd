"""A step recorded once and replayed as a straight list of calls into memory that is reused.

An eager library pays for each operation of a step: a fresh result, a walk through Python. A step is a
pure function, so it can be run once on `record.Recorded` arrays, which note what is done to them.
From the notes come

    record   the graph of operations
    fusion   which of them one kernel can do in one pass (with a kernel compiler only)
    memory   where each result lies: buffers that are reused, gradients in place in the flat vector,
             new parameters over the old ones
    code     a Python function that does the rest: one line for each call

The plain step is the oracle: tests compare the two on every backend.
"""

from portable_mlp.backends.program.loop import CompiledLoop

__all__ = ["CompiledLoop"]

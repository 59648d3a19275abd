"""Warnings that point at the user's own line, however deep in the package they arise."""

from __future__ import annotations

import sys
import warnings

# scikit-learn wraps the methods of an estimator
_PASSED = (__name__.partition(".")[0], "sklearn")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """A warning at the line outside of this package, and of scikit-learn, that led here.

    Args:
        message: one sentence.
        category: its class.
    """
    # warnings.warn(skip_file_prefixes=...) does this from Python 3.12 on
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_passed(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_passed(module: str) -> bool:
    return module.partition(".")[0] in _PASSED

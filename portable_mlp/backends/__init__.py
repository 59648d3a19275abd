"""The only folder that names an array library.

``status()`` says which backends can be used here and why the others can't; ``get`` makes one.
"""

from portable_mlp.backends.base import Backend, BackendUnavailableError, Loop
from portable_mlp.backends.interchange import answer_like, check_place, is_host, library_of, take_in
from portable_mlp.backends.registry import AUTO_ORDER, BACKENDS, Status, get, status, usable

__all__ = [
    "AUTO_ORDER",
    "BACKENDS",
    "Backend",
    "BackendUnavailableError",
    "Loop",
    "Status",
    "answer_like",
    "check_place",
    "get",
    "is_host",
    "library_of",
    "status",
    "take_in",
    "usable",
]

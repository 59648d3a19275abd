"""The scripts of this folder are run by hand: they need libraries that the tests do without."""

from __future__ import annotations

collect_ignore_glob = ["make_*.py"]

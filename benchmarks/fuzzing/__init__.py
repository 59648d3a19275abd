"""Files that are wrong in every way a machine can think of; `python -m benchmarks.fuzz`."""

"""How fast the training is, beside other libraries and beside the matrix products alone.

python -m benchmarks.training --quick     a table in under three minutes
python -m benchmarks.training             everything; saved in benchmarks/results
python -m benchmarks.report               docs/benchmarks.md from what was saved
python -m benchmarks.gpu                  the same grid on an NVIDIA GPU
"""

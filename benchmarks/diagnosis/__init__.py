"""A blind test of the diagnosis: programs with faults that it is not told of, and healthy ones.

python -m benchmarks.diagnosis.blind --faulty 500 --healthy 500 --set judging --seed 1 --save found.json
python -m benchmarks.diagnosis.table found.json
"""

"""
A trained network in a file that others run
===========================================

Python with numpy alone, and ONNX: neither needs this package to predict.
"""

import runpy
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from portable_mlp import MLP, load_digits

# %%
# Trained on numbers that the model scales itself: the scaling goes into the file too.

digits = load_digits()
X = digits.test_images
model = MLP([64, 64, 10], scaling="standard", seed=0)
model.fit(digits.train_images, digits.train_labels, epochs=20, batch_size=64)
probabilities = model.predict_proba(X)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "digits.py")
    model.export(path)
    head = path.read_text().partition("import base64")[0]
    print(f"{path.name}, {path.stat().st_size:,} bytes:\n\n{head}")
    # anywhere else: import digits; digits.predict(X)
    names = runpy.run_path(str(path))
    apart = np.abs(names["predict_proba"](X) - probabilities).max()
    print(f"largest difference of a probability: {apart:.1e}")
    print(f"test accuracy {(names['predict'](X) == digits.test_labels).mean():.3f}")

    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        print("\nno onnx here: pip install 'portable_mlp[onnx]'")
    else:
        from onnxruntime import InferenceSession

        path = Path(folder, "digits.onnx")
        model.export(path)
        session = InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
        label, found = session.run(None, {"X": X.astype(np.float32)})
        print(f"\n{path.name}, {path.stat().st_size:,} bytes")
        print(f"largest difference of a probability: {np.abs(found - probabilities).max():.1e}")
        print(f"test accuracy {(label == digits.test_labels).mean():.3f}")

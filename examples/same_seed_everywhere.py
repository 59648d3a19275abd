"""
One seed, one loss curve
========================

Trains the same network on every backend that can be used here.
"""

from portable_mlp import MLP, backends, load_digits

# %%
# The loss of each epoch beside that of NumPy; a backend that is missing says what it needs.

EPOCHS = 10

digits = load_digits()
curves = {}
for status in backends.status():
    if not status.usable:
        print(f"{status.name}: left out. {status.reason}")
        continue
    model = MLP([64, 64, 32, 10], activation="silu", dropout=0.1, backend=status.name, seed=0)
    history = model.fit(
        digits.train_images, digits.train_labels, epochs=EPOCHS, batch_size=64, learning_rate=2e-3
    )
    curves[status.name] = history["loss"]

print("\nepoch  " + "  ".join(f"{name:>16}" for name in curves))
for epoch in range(EPOCHS):
    print(f"{epoch + 1:5}  " + "  ".join(f"{curve[epoch]:16.7f}" for curve in curves.values()))

reference = curves["numpy"]
worst = max(
    abs(loss / expected - 1)
    for curve in curves.values()
    for loss, expected in zip(curve, reference, strict=True)
)
print(f"\nlargest relative difference from numpy: {worst:.1e}")
if worst > 1e-4:
    raise SystemExit("the curves differ by more than single precision explains")

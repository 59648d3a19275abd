"""How sure a kind of cause is, and what counts as learning."""

from __future__ import annotations

CERTAIN, GRADIENT, STEP, DATA, STATISTICS, SLOW, SYMPTOM = range(7)
STATIC = {"D05", "D06", "D07", "D08", "D09", "D17", "D34"}
"""What is there before the first step: it explains the length of the steps, not the other way round."""
LEARNED = 0.5
"""A loss of less than this share of chance is learning."""

"""Why a network does not learn: gradient check, autopsy."""

from __future__ import annotations

from portable_mlp.diagnosis.description import Network
from portable_mlp.diagnosis.doctor import Doctor, DoctorReport, diagnose
from portable_mlp.diagnosis.gradient_check import check_gradients
from portable_mlp.diagnosis.own_parts import check_layer, check_loss, check_model
from portable_mlp.diagnosis.program import ProgramError
from portable_mlp.diagnosis.report import Finding, GradientReport, Verdict

__all__ = [
    "Doctor",
    "DoctorReport",
    "Finding",
    "GradientReport",
    "Network",
    "ProgramError",
    "Verdict",
    "check_gradients",
    "check_layer",
    "check_loss",
    "check_model",
    "diagnose",
]

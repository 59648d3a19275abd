"""The doctor: what keeps a network from learning, and what helps."""

from __future__ import annotations

from portable_mlp.diagnosis.doctor.callback import Doctor
from portable_mlp.diagnosis.doctor.diagnose import diagnose
from portable_mlp.diagnosis.doctor.report import DoctorReport

__all__ = ["Doctor", "DoctorReport", "diagnose"]

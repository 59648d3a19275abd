"""The figure shows what the report holds, and opens nothing."""

import io
import math
import sys

import pytest

from portable_mlp.diagnosis.doctor.plot import plot
from portable_mlp.diagnosis.doctor.report import DoctorReport, Histogram, LayerProbe, Probe, Trial
from portable_mlp.diagnosis.report import Finding

NAN, INF = math.nan, math.inf


def layer(index, **changed):
    values = {
        "name": f"layer {index}",
        "activation": "tanh",
        "units": 8,
        "activations": Histogram((-1.0, 0.0, 1.0), (3, 5)),
        "gradients": Histogram((-6.0, -4.0, -2.0), (3, 5)),
        "dead": 0.25,
        "saturated": 0.5,
        "weight_norm": 1.0,
        "gradient_norm": 0.1,
        "update_ratio": 1e-3,
    }
    return LayerProbe(**(values | changed))


def broken(**changed):
    values = {
        "findings": [Finding("R01", "-1", "Flip it."), Finding("F02", "z", "Copy.", step=20)],
        "trials": [
            Trial((), "nothing", 5, 2.0, 2.0, False),
            Trial(("R01",), "the sign $x$ flipped $", 5, 2.0, 0.5, True),
            Trial(("F02",), "a copy", 5, 2.0, INF, False),
            Trial(("R01", "F02"), "both", 5, 2.0, 900.0, False),
        ],
        "probes": [Probe(s, 1.0, 0.1, 1.0, 0, (layer(1), layer(2))) for s in (0, 10, 20)],
        "losses": [(s, 2.0 * 0.9**s) for s in range(100)],
        "baseline": 0.7,
    }
    return DoctorReport(**(values | changed))


def written(figure):
    """Draws everything: what cannot be drawn fails here."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40)
    return file.getvalue()


def texts(figure):
    matplotlib_text = pytest.importorskip("matplotlib.text")
    return [t.get_text().replace("\n", " ") for t in figure.findobj(matplotlib_text.Text)]


@pytest.fixture(autouse=True)
def _matplotlib(request):
    if request.node.originalname != "test_without_matplotlib_the_error_says_what_to_install":
        pytest.importorskip("matplotlib")


def axes(figure):
    return [ax for part in (figure.subfigs or [figure]) for ax in part.axes]


def test_the_figure_has_every_picture():
    figure = broken().plot()
    assert written(figure).startswith(b"\x89PNG")
    said = texts(figure)
    for words in (
        "The sign is wrong: you climb instead of descending.",
        "Loss over the steps",
        "best constant prediction: 0.7",
        "1: the sign is wrong: you climb instead of descending (step 0)",
        "2: a function writes to its own arguments (step 20)",
        "What was tried on copies",
        r"the sign \$x\$ flipped \$ [R01]",
        "helps: the loss fell by 75 % 2 → 0.5",
        "diverged from 2",
        "layer 2 (tanh): activations",
        "gradients |∂L/∂W|",
        "saturated",
        "dead",
        "update / weight",
        "healthy",
    ):
        assert words in said
    assert len(axes(figure)) == 1 + 1 + 2 * 4
    assert axes(figure)[0].get_yscale() == "log"


def test_nothing_pops_up():
    before = "matplotlib.pyplot" in sys.modules
    plot(broken())
    assert ("matplotlib.pyplot" in sys.modules) == before


@pytest.mark.parametrize(
    "report",
    [
        DoctorReport(),
        DoctorReport(losses=[(0, NAN), (1, INF)]),
        DoctorReport(losses=[(7, 0.0)], baseline=0.0),
        DoctorReport(probes=[Probe(0, 1.0, 0.1, NAN, 3)]),
        DoctorReport(trials=[Trial((), "", 1, NAN, NAN, False)]),
        broken(findings=[]),
    ],
    ids=["empty", "not finite", "one point", "probes without layers", "trials", "healthy"],
)
def test_reports_with_little_in_them_are_drawn(report):
    figure = plot(report)
    written(figure)
    assert figure.get_suptitle().replace("\n", " ").startswith("Nothing found")


def test_numbers_that_are_not_finite_are_left_out():
    bad = (
        layer(
            1, activations=Histogram((), ()), gradients=Histogram((NAN, 0.0, INF), (3, 0)), dead=NAN
        ),
        layer(2, activations=Histogram((-1e6, 0.0, 1e6), (1, 2)), saturated=INF, update_ratio=INF),
        layer(3, activations=Histogram((2.0, 2.0), (9,)), update_ratio=0.0),
    )
    report = broken(
        probes=[
            Probe(0, NAN, INF, NAN, 0, bad),
            Probe(1, INF, NAN, -INF, 0, (layer(1, update_ratio=NAN),)),
        ],
        losses=[(0, NAN), (1, 1.0), (2, -INF), (3, 1e-320), (4, 1e308), (5, INF)],
        baseline=INF,
    )
    figure = plot(report)
    assert written(figure)
    lines = [line for line in axes(figure)[0].get_lines() if line.get_label() == "loss"]
    assert [math.isnan(v) for v in lines[0].get_ydata()] == [True, False, True, False, True, True]


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "portable_mlp\[plot\]"'):
        plot(DoctorReport())

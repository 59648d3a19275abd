"""The page holds what the report holds, is one well-formed file, and opens in a browser."""

import math
import random
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from portable_mlp.diagnosis.doctor.page import fall, page, verdict
from portable_mlp.diagnosis.doctor.page.charts import (
    loss_in_words,
    loss_picture,
    ratio_picture,
    shares_picture,
    spread,
)
from portable_mlp.diagnosis.doctor.page.scales import Scale, loss_scale, ratio_scale, values_scale
from portable_mlp.diagnosis.doctor.page.selection import finite, gaps, loss_points
from portable_mlp.diagnosis.doctor.page.strips import heat_picture
from portable_mlp.diagnosis.doctor.page.words import number, percent, weight
from portable_mlp.diagnosis.doctor.report import DoctorReport, Histogram, LayerProbe, Probe, Trial
from portable_mlp.diagnosis.report import Finding, GradientReport, Verdict

NAN, INF = math.nan, math.inf
EVIL = "<script>alert('&\"')</script>"


def histogram(low, high, bins=40, seed=0):
    chance = random.Random(seed)
    edges = tuple(low + (high - low) * i / bins for i in range(bins + 1))
    return Histogram(edges, tuple(chance.randrange(200) for _ in range(bins)))


def layer(index=1, seed=0, **changed):
    values = {
        "name": f"layer {index}",
        "activation": "sigmoid",
        "units": 32,
        "activations": histogram(0.0, 1.0, seed=seed),
        "gradients": histogram(-9.0, -2.0, seed=seed + 1),
        "dead": 0.25,
        "saturated": 0.5,
        "weight_norm": 3.25,
        "gradient_norm": 1.5e-5,
        "update_ratio": 2e-4,
    }
    return LayerProbe(**(values | changed))


def probes(count=12, depth=5):
    return [
        Probe(
            25 * i,
            2.0 / (i + 1),
            0.5,
            1.0,
            0,
            tuple(layer(j + 1, 100 * i + j) for j in range(depth)),
        )
        for i in range(count)
    ]


def broken(**changed):
    values = {
        "findings": [
            Finding("R01", "slope ratio -1.0", "Flip the sign.", ("W1", "W2"), True, True, 0),
            Finding("D29", "W1 is int64", "Make it a float.", ("W1",), True, False, 64),
            Finding("F02", "softmax changed z", "Copy z.", ("softmax",), False, None, 66),
        ],
        "noted": [Finding("R02", "b2 is 200 times the true one", "Divide.", ("b2",), False)],
        "gradients": GradientReport(
            parameters=[
                Verdict("W1", (784, 32), "wrong and harmful", 2.0, -1.0, -1.0002, "R01"),
                Verdict("b1", (32,), "right", 2.2e-9, 1.0, 0.99998),
            ],
            checked=["central differences"],
            assumed="the loss is a cross-entropy",
            limits=["dropout"],
        ),
        "trials": [
            Trial((), "nothing", 50, 2.303, 2.41, False),
            Trial(("R01",), "the sign flipped", 50, 2.303, 0.412, True),
            Trial(("D29",), "float64", 50, 2.303, INF, False),
        ],
        "probes": probes(),
        "losses": [(s, 2.303 * math.exp(-s / 30)) for s in range(300)],
        "baseline": 1.609,
        "checked": ["the gradient of every parameter"],
        "limits": ["the data"],
        "verified": True,
        "seconds": 3.2,
    }
    return DoctorReport(**(values | changed))


def healthy():
    return broken(findings=[], noted=[], trials=[])


def not_finite():
    """Numbers that are none wherever a number can stand."""
    empty, holes = Histogram((), ()), Histogram((NAN, 0.0, INF), (3, 0))
    worst = (
        layer(1, activations=empty, gradients=holes, dead=NAN, saturated=INF, update_ratio=NAN),
        layer(
            2, activations=Histogram((-INF, 0.0, INF), (5, 7)), weight_norm=NAN, update_ratio=INF
        ),
        layer(3, activations=Histogram((2.0, 2.0), (9,)), gradient_norm=-INF, update_ratio=0.0),
        layer(4, activations=histogram(-1e308, 1e308), gradients=histogram(-1e-320, 1e-320)),
    )
    return broken(
        trials=[Trial((), "nothing", 1, NAN, NAN, False), Trial(("R01",), "x", 1, INF, -1.0, True)],
        probes=[Probe(0, NAN, INF, NAN, 0, worst), Probe(1, INF, NAN, -INF, 0, worst[:1])],
        losses=[(0, NAN), (1, 1.0), (2, -INF), (3, 1e-320), (4, 1e308), (5, INF)],
        baseline=INF,
        gradients=GradientReport(parameters=[Verdict("W", (), "not known", NAN, INF, -INF, "X99")]),
        seconds=NAN,
    )


def evil():
    return DoctorReport(
        findings=[Finding("R01", EVIL, EVIL, (EVIL,), True, True)],
        noted=[Finding("R02", EVIL, EVIL, (EVIL,), False)],
        gradients=GradientReport(
            parameters=[Verdict(EVIL, (1,), EVIL, 0.0, 1.0, 1.0, EVIL)],
            checked=[EVIL],
            assumed=EVIL,
            limits=[EVIL],
        ),
        trials=[Trial((EVIL,), EVIL, 1, 1.0, 0.5, True), Trial((), EVIL, 2, 1.0, 0.9, False)],
        probes=[Probe(0, 1.0, 1.0, 1.0, 0, (layer(name=EVIL, activation=EVIL),))],
        checked=[EVIL],
        limits=[EVIL],
    )


REPORTS = {
    "broken": broken,
    "healthy": healthy,
    "not finite": not_finite,
    "evil": evil,
    "empty": DoctorReport,
    "only not finite": lambda: DoctorReport(losses=[(0, NAN), (1, INF)]),
    "one point": lambda: DoctorReport(losses=[(7, 0.0)], baseline=0.0),
    "only probes": lambda: DoctorReport(
        probes=[Probe(0, 1.0, 0.1, NAN, 3), Probe(5, 0.1, 0.1, 1.0, 0)]
    ),
    "only a finding": lambda: DoctorReport(findings=[Finding("D29", "", "")]),
    "only limits": lambda: DoctorReport(limits=["everything"]),
    "only trials": lambda: DoctorReport(trials=[Trial((), "", 1, 0.0, 0.0, False)]),
}


class Reader(HTMLParser):
    """The text, the tags and their attributes; tags that do not match are an error."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *a) for a in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("name", REPORTS)
def test_every_page_is_one_well_formed_file(name):
    html = page(REPORTS[name]())
    reader = Reader(html)
    assert reader.tags[:2] == ["html", "head"]
    assert reader.tags.count("h1") == reader.tags.count("main") == 1
    ids = [value for _, key, value in reader.attributes if key == "id"]
    assert len(ids) == len(set(ids))
    for _, key, value in reader.attributes:
        if key == "aria-labelledby":
            assert set(value.split()) <= set(ids)
    html.encode("utf-8")


@pytest.mark.parametrize("name", REPORTS)
def test_pages_fetch_nothing(name):
    html = page(REPORTS[name]())
    reader = Reader(html)
    assert "http" not in html
    assert not {"script", "link", "img", "iframe", "object", "use"} & set(reader.tags)
    assert not {"href", "src", "xlink:href", "srcset"} & {key for _, key, _ in reader.attributes}
    assert not [key for _, key, _ in reader.attributes if key.startswith("on")]
    assert "@import" not in html
    assert "url(" not in html


@pytest.mark.parametrize("name", REPORTS)
def test_pictures_hold_only_numbers_that_can_be_drawn(name):
    reader = Reader(page(REPORTS[name]()))
    drawn = [
        value
        for _, key, value in reader.attributes
        if key in {"d", "x", "y", "cx", "cy", "width", "height", "transform", "viewbox"}
    ]
    assert not [value for value in drawn if re.search("nan|inf|e[+-]", value)]
    for _, key, value in reader.attributes:
        if key in {"width", "height"}:
            assert float(value) >= 0 if "=" not in value else True


def test_the_page_says_what_was_found():
    text = Reader(page(broken())).text
    assert verdict(broken()) == "The sign is wrong: you climb instead of descending."
    for words in (
        verdict(broken()),
        "2 more causes were found.",
        "the sign flipped. In 50 steps the loss went from 2.303 to 0.412.",
        "The causes, the likeliest first",
        "slope ratio -1.0",
        "Flip the sign.",
        "blocking: its fix, alone or beside another, made the loss fall",
        "its fix alone did not make the loss fall",
        "its fix was not tried",
        "at step 64",
        "2.303 → 0.412",
        "the loss fell by 82 %",
        "✓ helps",
        "for comparison",
        "✗ diverged",
        "best constant prediction: 1.609",
        "first seen at step 66: a function writes to its own arguments",
        "The axis of the loss is logarithmic.",
        "Layer 5 sigmoid",
        "At the last probe: 32 units; 25 % dead; 50 % saturated",
        "update / weight",
        "healthy",
        "784 × 32",
        "✗ wrong and harmful",
        "R01: the sign is wrong",
        "Assumed: the loss is a cross-entropy.",
        "b2 is 200 times the true one",
        "The gradient of every parameter",
        "Central differences",
        "Could not be checked ? The data ? Dropout",
        "Examined in 3.2 s.",
    ):
        assert words in text


def test_the_title_can_be_chosen():
    html = page(broken(), title="Net <7>")
    assert "<title>Net &lt;7&gt;</title>" in html
    assert '<p class="soft">Net &lt;7&gt;</p>' in html


def test_a_healthy_network_has_no_causes():
    html = page(healthy())
    assert "<h1>Nothing found that keeps this network from learning.</h1>" in html
    assert 'id="causes"' not in html
    assert 'id="trials"' not in html
    assert 'class="lede"' not in html


def test_sections_without_data_are_left_out():
    reader = Reader(page(DoctorReport()))
    assert "h2" not in reader.tags
    assert "svg" not in reader.tags
    assert "nothing was measured" in reader.text
    html = page(DoctorReport(probes=[Probe(0, 1.0, 0.1, 1.0, 0)]))
    assert 'id="layers"' not in html
    assert "loss of the probe batch" in html
    assert 'id="checked">What could not be checked<' in page(DoctorReport(limits=["everything"]))


def test_panels_without_numbers_are_left_out():
    bare = layer(
        activations=Histogram((), ()),
        gradients=Histogram((0.0, 1.0), (0,)),
        dead=NAN,
        saturated=NAN,
        update_ratio=NAN,
    )
    html = page(DoctorReport(probes=[Probe(0, 1.0, 0.1, 1.0, 0, (bare, layer(2)))]))
    assert html.count("Activations of") == html.count("Update-to-weight ratio of") == 1
    assert html.count("Gradients of") == html.count("Dead and saturated shares of") == 1


def test_everything_is_escaped():
    html = page(evil(), title=EVIL)
    assert "<script" not in html
    escaped = EVIL.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = escaped.replace('"', "&quot;").replace("'", "&#x27;")
    assert html.count(escaped) >= 15


def test_text_that_no_file_can_hold_is_replaced():
    report = DoctorReport(findings=[Finding("R01", "a\ud800b\x00c", "x")])
    html = page(report)
    assert "a\ufffdb\ufffdc" in html
    html.encode("utf-8")


def test_a_long_report_stays_small():
    assert len(page(broken()).encode()) < 250_000
    long = broken(
        probes=probes(500, 5),
        losses=[(s, random.Random(s).random()) for s in range(50_000)],
    )
    assert len(page(long).encode()) < 900_000


def test_fine_histograms_are_drawn_coarser():
    fine = [layer(activations=histogram(0, 1, 5000), gradients=histogram(-9, 0, 5000))] * 5
    report = DoctorReport(probes=[Probe(i, 1.0, 0.1, 1.0, 0, tuple(fine)) for i in range(12)])
    assert len(page(report).encode()) < 400_000


def test_the_file_is_written(tmp_path):
    path = broken().html(tmp_path / "page.html")
    assert path.read_text(encoding="utf-8") == page(broken())


# What the pictures choose


def test_the_axis_of_the_loss_is_logarithmic_beyond_a_factor_of_100():
    assert loss_scale([1.0, 99.0]).kind == "linear"
    assert loss_scale([1.0, 101.0]).kind == "log"
    assert loss_scale([1.0, NAN, INF, 101.0]).kind == "log"
    assert loss_scale([0.0, 101.0]).kind == "linear"
    assert loss_scale([0.5, 1.0]).low == 0


@pytest.mark.parametrize(
    "values", [[], [0.0], [-5.0, -1.0], [NAN], [1e308], [1e-320], [-1e200, 1e200]]
)
def test_every_axis_has_room(values):
    scale = loss_scale(values)
    assert scale.low < scale.high
    for value in values:
        assert 0 <= scale.share(value if finite(value) else 0.0) <= 1
    assert all(0 <= scale.share(v) <= 1 for v, _ in scale.ticks())


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (Scale("linear", 0, 1), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (Scale("linear", -2, 2), ["−2", "−1", "0", "1", "2"]),
        (Scale("log", 1e-3, 10), ["0.001", "0.01", "0.1", "1", "10"]),
        (Scale("log", 1e-12, 1), ["10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "1"]),
        (Scale("log", 1.0, 9.0), ["1", "2", "5"]),
        (Scale("asinh", 0, 100, 1.0), ["0", "1", "10", "100"]),
        (Scale("asinh", -1e6, 1e6, 1e3), ["−10⁶", "−10⁴", "0", "10⁴", "10⁶"]),
    ],
)
def test_ticks_are_round_numbers(scale, words):
    assert [w for _, w in scale.ticks()] == words


def test_histograms_that_grow_beyond_each_other_share_an_axis():
    assert values_scale([histogram(-1, 1), histogram(-5, 5)]).kind == "linear"
    wide = values_scale([histogram(-1, 1), None, histogram(-1e6, 1e6)])
    assert wide.kind == "asinh"
    assert wide.share(1) - wide.share(-1) > 0.05


def test_gaps_reach_from_the_last_finite_loss_to_the_next():
    points = [(0, 1.0), (1, NAN), (2, INF), (3, 1.0), (4, 1.0), (5, NAN)]
    assert gaps(points) == [(0, 3), (4, 5)]
    assert gaps([(0, NAN), (4, NAN)]) == [(0, 4)]
    assert "M" in loss_picture(DoctorReport(losses=points))


def test_many_points_keep_the_extremes_and_the_gaps():
    losses = [(s, 1.0) for s in range(10_000)]
    losses[1234], losses[7777], losses[5555] = (1234, 50.0), (7777, 0.5), (5555, NAN)
    kept = loss_points(DoctorReport(losses=losses))
    assert len(kept) <= 600
    assert {kept[0][0], kept[-1][0], 1234, 5555, 7777} - {0, 9999} <= {s for s, _ in kept}
    assert kept == sorted(kept, key=lambda point: point[0])
    said = loss_in_words(DoctorReport(losses=losses))
    assert "Lowest 0.5, highest 50." in said
    assert "Not finite at 1 of 10000 points, first at step 5555." in said


def test_numbered_circles_do_not_overlap():
    assert spread([0, 0, 1], 20, 100) == [0, 20, 40]
    assert spread([50, 99, 100], 20, 100) == [50, 80, 100]


def test_a_line_starts_anew_after_a_gap():
    steps = [0, 1, 2, 3]
    layers = [layer(dead=v, activation="relu", saturated=0.0) for v in (0.0, NAN, 1.0, 0.5)]
    picture = shares_picture(layers, steps, "s", "shares")
    line = re.search(r'class="dead" d="([^"]*)"', picture).group(1)
    assert line.count("M") == 2
    assert "saturated" not in picture


def test_ratios_beyond_the_axis_are_marked_at_its_edge():
    layers = [layer(update_ratio=v) for v in (0.0, 1e-3, INF, NAN)]
    picture = ratio_picture(layers, [0, 1, 2, 3], ratio_scale(layers), "r", "ratio")
    marks = re.search(r'class="beyond" d="([^"]*)"', picture).group(1)
    assert marks.count("M") == 2


def test_columns_without_numbers_are_crossed():
    columns = [histogram(0, 1), None, Histogram((0.0, 1.0), (0,))]
    picture = heat_picture(columns, [0, 1, 2], values_scale(columns), "h", "heat")
    assert re.search(r'class="h0" d="([^"]*)"', picture).group(1).count("M") == 4
    assert "2 columns are empty" in picture


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (2.0, 1.0, "the loss fell by 50 %"),
        (2.0, 1e-9, "the loss fell by more than 99 %"),
        (2.0, 1.999, "the loss fell by less than 1 %"),
        (2.0, 0.0, "the loss fell by 100 %"),
        (2.0, 2.0, "the loss did not move"),
        (2.0, 3.0, "the loss rose by 50 %"),
        (2.0, 20.0, "the loss rose 10 times"),
        (-2.0, -3.0, "the loss fell"),
        (2.0, INF, "the loss diverged"),
        (2.0, NAN, "the loss diverged"),
        (NAN, 1.0, "the loss was not finite before"),
    ],
)
def test_how_the_loss_went(start, end, words):
    assert fall(Trial((), "", 1, start, end, False)) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (2.302585, "2.303"),
        (1.23456e-7, "1.235e−7"),
        (-0.5, "−0.5"),
        (NAN, "not a number"),
    ],
)
def test_numbers_have_sensible_digits(value, words):
    assert number(value) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.001, "< 1 %"), (0.5, "50 %"), (0.999, "> 99 %"), (1, "100 %")],
)
def test_shares_are_exact_only_at_the_ends(share, words):
    assert percent(share) == words


def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.mark.parametrize("name", ["broken", "healthy", "not finite"])
def test_a_browser_shows_the_verdict(name, tmp_path):
    program = browser()
    if program is None:
        pytest.skip("no Chromium and no Chrome is installed: the page is not opened in a browser")
    report = REPORTS[name]()
    path = report.html(tmp_path / "page.html")
    command = [
        program,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'user'}",
    ]
    shown = subprocess.run(
        [*command, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    ).stdout
    assert f"<h1>{verdict(report)}</h1>" in shown
    assert shown.count("<svg") == page(report).count("<svg")


@pytest.mark.parametrize(
    ("id", "harmful", "blocking", "on_the_page", "printed"),
    [
        ("R04", False, True, "blocking: its fix", ": blocking"),
        ("R02", False, False, "wrong, but harmless", ": wrong, but it does no harm by itself"),
        ("R02", False, None, "wrong, but still downhill", ": wrong, but it still points downhill"),
        ("D26", False, None, "its fix was not tried", "[D26]\n"),
        ("D05", True, False, "its fix alone did not make the loss fall", "[D05]\n"),
    ],
)
def test_what_a_finding_weighs_is_said_alike(id, harmful, blocking, on_the_page, printed):
    found = Finding(id, "seen", "mend", (), harmful, blocking)
    assert weight(found)[1].startswith(on_the_page)
    assert printed in str(DoctorReport(findings=[found]))

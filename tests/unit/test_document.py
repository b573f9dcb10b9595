"""The written report says what the runs say, in one file that needs nothing else."""

import base64
import html
import io
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.demo.insight import scripted_insight, validation_set
from mnist_tui.report.document import MAX_RUNS, RunEvidence, write_report
from mnist_tui.report.page import Table, to_html, to_markdown
from mnist_tui.report.svg import Curve, picture, plot
from tests.builders import MNIST, run_state

NOW = "2026-03-01T12:00:00+00:00"
PICTURES = validation_set(MNIST.sha256, 0, 10_000)
VOID = {"meta", "img", "link", "br", "hr", "input"}


def told(run="run-1", features=2, **options):
    spec = RunSpec(epochs=3, features=features)
    state = run_state(run, spec=spec, **options)
    insight = scripted_insight(run, spec, 3, 4_600, 10_000) if state.history else None
    return RunEvidence(state, insight, PICTURES)


def written(*runs, as_html=True):
    return write_report(runs or (told(),), as_html=as_html, generated_at=NOW)


class Reader(HTMLParser):
    """Checks that every element is closed, and collects text and what is loaded."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.loaded = [], [], []

    def handle_starttag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in ("src", "href", "xlink:href", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.loaded += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


def test_it_is_one_file_that_loads_nothing_from_elsewhere():
    text = written(told(), told("run-2", features=8))
    assert all(source.startswith("data:image/png;base64,") for source in read(text).loaded)
    assert "url(" not in text
    assert "@import" not in text
    assert "<script" not in text


@pytest.mark.parametrize("as_html", [True, False])
def test_its_numbers_are_those_of_the_runs(as_html):
    each = told()
    text = written(each, as_html=as_html)
    text = " ".join(read(text).texts) if as_html else text
    for epoch in each.run.history:
        for value in (epoch.train_accuracy, epoch.val_accuracy):
            assert f"{100 * value:.2f}%" in text
        assert f"{epoch.val_loss:.4f}" in text
    for count in ("50,000", "10,000"):
        assert count in text
    assert each.insight is not None
    for row in each.insight.confusion:
        assert re.search(r"\W+".join(f"{count:,}" for count in row), text)


def test_every_drawing_is_whole_xml_with_a_name():
    drawings = re.findall(r"<svg.*?</svg>", written(), re.DOTALL)
    # The network, loss, accuracy, the matrix.
    assert len(drawings) == 4
    for drawing in drawings:
        assert ET.fromstring(drawing).get("aria-label")


def test_a_curve_lies_inside_and_what_is_not_finite_is_a_gap():
    drawing = ET.fromstring(plot("Loss", [Curve("training", "train", [2.0, math.nan, 1.0])], percent=False))
    (line,) = drawing.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in (line.get("points") or "").split()]
    assert len(points) == 2
    (x1, y1), (x2, y2) = points
    assert 0 < x1 < x2 < 640
    assert 0 < y1 < y2 < 280


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.5], [math.nan], [1e300, -1e300]])
def test_any_values_give_a_plot(values):
    ET.fromstring(plot("Loss", [Curve("training", "train", values)], percent=True))


def test_a_digit_is_dark_ink_on_white():
    image = bytes(range(0, 250, 10))
    source = re.search(r'src="data:image/png;base64,([^"]+)"', picture(image, 5, "a <b>", is_ink=True))
    assert source is not None
    shown = Image.open(io.BytesIO(base64.b64decode(source[1])))
    assert shown.size == (5, 5)
    assert shown.tobytes() == bytes(255 - value for value in image)


def test_names_from_outside_are_only_text():
    evil = '<script>alert("x")</script> | `#` [a](b)'
    run = replace(told().run, run=evil)
    run.dataset = replace(MNIST, label=evil)
    page = written(RunEvidence(run, None, None))
    assert "<script>" not in page
    assert evil in " ".join(read(page).texts)
    markdown = written(RunEvidence(run, None, None), as_html=False)
    assert "<script>" not in markdown
    assert "[a](b)" not in markdown


def test_runs_without_insight_epochs_or_pictures_are_told_all_the_same():
    old = replace(told(), insight=None, pictures=None)
    nothing = told("run-3", val_accuracies=(), status=Status.STOPPED, test_accuracy=None, test_loss=None)
    text = " ".join(read(written(old, nothing)).texts)
    assert "No epoch was completed." in text
    assert "Confusion matrix" not in text
    assert "Confusion matrix" in " ".join(read(written(replace(told(), pictures=None))).texts)


def test_many_runs_stand_in_the_table_and_the_rest_is_counted():
    page = written(*(told(f"run-{number}") for number in range(MAX_RUNS + 3)))
    assert "3 more runs appear only in the table." in page


def test_markdown_has_tables_of_equal_rows():
    tables = re.findall(r"(?:^\|.*\|$\n?)+", written(as_html=False), re.MULTILINE)
    assert len(tables) >= 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_the_network_is_drawn_where_there_are_drawings_and_told_where_there_are_none():
    drawn, told_in_words = written(), written(as_html=False)
    assert "<svg" in drawn
    assert "→" not in drawn
    assert "image 1 × 28 × 28 → conv" in told_in_words
    assert "<svg" not in told_in_words


def test_a_cell_breaks_only_before_its_deviation():
    text = to_html("Title", [Table(("Epochs", "Accuracy", "Time"), [("10", "46.78 ± 0.52% ★", "2.60 ± 0.01 s")])])
    cells = re.findall(r"<td>(.*?)</td>", text)
    assert [html.unescape(cell).split(" ") for cell in cells] == [
        ["10"],
        ["46.78", "±\N{NO-BREAK SPACE}0.52%\N{NO-BREAK SPACE}★"],
        ["2.60", "±\N{NO-BREAK SPACE}0.01\N{NO-BREAK SPACE}s"],
    ]


def test_numbers_stand_on_the_right_and_words_on_the_left():
    table = Table(("Run", "Val", "Status", "Time"), [["a", "47.94% ★", "finished", "–"], ["b", "−", "stopped", "2 s"]])
    table = replace(table, rows=[*table.rows, ["c", "<0.1%", "failed", "3.1 ± 0.2 s"]][::2])
    assert table.numbers == [False, True, False, True]
    assert "| --- | ---: | --- | ---: |" in to_markdown("Runs", [table])
    assert '<td class="text">finished</td>' in to_html("Runs", [table])
    assert "<td>3.1 ±&nbsp;0.2&nbsp;s</td>" in to_html("Runs", [table])

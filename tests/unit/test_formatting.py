import math
import time

import pytest
from rich.cells import cell_len

from mnist_tui.core.status import Status
from mnist_tui.report.formatting import (
    format_duration,
    format_loss,
    format_moment,
    format_percent,
    format_points,
    format_rate,
    format_seconds,
    printable,
    status_text,
)


@pytest.mark.parametrize("status", list(Status))
def test_a_status_is_its_word_after_a_sign_of_one_cell(status):
    sign, word = status_text(status).split(" ", 1)
    assert word == status.value
    assert cell_len(sign) == 1


def test_no_two_statuses_share_a_sign():
    assert len({status_text(status)[0] for status in Status}) == len(Status)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (0, "0 s"),
        (0.0, "0 s"),
        (0.04, "<0.1 s"),
        (0.44, "0.4 s"),
        (0.96, "1 s"),
        (4.2, "4 s"),
        (59.4, "59 s"),
        (59.6, "1m00s"),
        (72, "1m12s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (7500, "2h05m"),
        (86_399, "1d00h"),
        (273_600, "3d04h"),
        (1e9, "1.16e+04d"),
        (1e300, "1.16e+295d"),
        (-72, "−1m12s"),
    ],
)
def test_durations_are_short_and_never_show_sixty(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.4794, "47.94%"),
        (0.0, "0.00%"),
        (1.0, "100.00%"),
        (-0.031, "−3.10%"),
        (0.99998, "99.99%"),
        (0.00001, "0.00%"),
        (-0.00001, "0.00%"),
        (None, "–"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (1e30, "1e+32%"),
    ],
)
def test_fractions_read_as_percentages(fraction, text):
    assert format_percent(fraction) == text


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (0.41, "+0.41"),
        (-0.03, "−0.03"),
        (0.0, "0.00"),
        (-0.001, "0.00"),
        (100.0, "+100.00"),
        (None, "–"),
        (math.nan, "NaN"),
        (-math.inf, "−∞"),
    ],
)
def test_changes_carry_their_sign(points, text):
    assert format_points(points) == text


@pytest.mark.parametrize(
    ("images_per_s", "text"),
    [
        (812.4, "812 img/s"),
        (999.6, "1.0k img/s"),
        (8_123, "8.1k img/s"),
        (99_960, "100k img/s"),
        (999_600, "1.0M img/s"),
        (1_234_567, "1.2M img/s"),
        (0, "– img/s"),
        (-5, "– img/s"),
        (None, "– img/s"),
        (math.nan, "– img/s"),
        (math.inf, "– img/s"),
    ],
)
def test_speeds_have_three_digits_at_most(images_per_s, text):
    assert format_rate(images_per_s) == text


def test_losses_and_measured_times_keep_their_digits():
    assert [format_loss(x) for x in (1.33119, 3e38, math.nan, None)] == ["1.3312", "3e+38", "NaN", "–"]
    assert [format_seconds(x) for x in (24.444, 1e9, math.inf, None)] == ["24.44 s", "1e+09 s", "∞", "–"]


def test_moments_are_shown_in_local_time(monkeypatch):
    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        assert format_moment("2026-03-01T12:05:00+00:00") == "2026-03-01 14:05"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert format_moment("") == "–"
    assert format_moment("last\x1b week") == "last\ufffd week"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain [red]text[/red]", "plain [red]text[/red]"),
        ("two\nlines\tand\rmore", "two lines and more"),
        ("\x1b[2Jgone", "\ufffd[2Jgone"),
        ("\x9b31mred", "\ufffd31mred"),
        ("\u202eright to left", "\ufffdright to left"),
        ("lone \udc80 half", "lone \ufffd half"),
        ("Größe 数", "Größe 数"),
    ],
)
def test_text_from_outside_becomes_one_harmless_line(text, line):
    assert printable(text) == line

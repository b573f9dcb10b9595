"""The confusion matrix as cells, and digits as half blocks."""

from dataclasses import replace

import pytest

from mnist_tui.core.spec import RunSpec
from mnist_tui.demo.insight import scripted_insight
from mnist_tui.report.digits import LEVELS, half_blocks, size_of
from mnist_tui.report.insights import class_marks
from mnist_tui.report.matrix import Kind, View, images_of, in_words, matrix

SMALL = replace(
    scripted_insight("run-1", RunSpec(), 1, 5_000, 10_000),
    confusion=((80, 20), (5, 995)),
    class_accuracy=(0.8, 0.995),
    predictions=bytes([0, 1, 1, 1]),
    confidences=bytes([250, 200, 210, 90]),
)
BEFORE = replace(SMALL, confusion=((70, 30), (5, 995)), predictions=bytes([1, 0, 1, 0]))


def texts(view, other=None, room=6):
    return [[cell.text for cell in row] for row in matrix(SMALL, view, other, room)]


def test_counts_shares_and_changes():
    assert texts(View.COUNTS) == [["80", "20"], ["5", "995"]]
    assert texts(View.SHARES) == [["80.0", "20.0"], ["0.5", "99.5"]]
    assert texts(View.CHANGE, BEFORE) == [["+10", "−10"], ["·", "·"]]
    assert texts(View.CHANGE) == [["·", "·"], ["·", "·"]]


def test_a_change_that_is_too_long_keeps_its_sign():
    assert texts(View.CHANGE, BEFORE, room=2) == [["++", "−−"], ["·", "·"]]


def test_more_right_ones_are_good_and_more_confusions_are_bad():
    kinds = [[cell.kind for cell in row] for row in matrix(SMALL, View.CHANGE, BEFORE, 6)]
    assert kinds[0] == [Kind.RIGHT, Kind.RIGHT]
    back = [[cell.kind for cell in row] for row in matrix(BEFORE, View.CHANGE, SMALL, 6)]
    assert back[0] == [Kind.WRONG, Kind.WRONG]


def test_the_warmest_confusion_is_as_warm_as_can_be():
    cells = matrix(SMALL, View.COUNTS, None, 6)
    assert cells[0][1].heat == 1
    assert 0 < cells[1][0].heat < 0.1
    assert cells[1][1].heat == pytest.approx(0.995)


def test_a_cell_in_words():
    names = ("cat", "dog")
    assert in_words(SMALL, names, 0, 1) == "cat taken for dog: 20 of 100, 20.0%"
    assert in_words(SMALL, names, 1, 1) == "dog recognised: 995 of 1,000, 99.5%"
    assert in_words(SMALL, names, 0, 1, BEFORE) == "cat taken for dog: 20 of 100, 20.0%, −10"


def test_the_images_of_a_cell_and_what_changed_since():
    labels = bytes([0, 0, 0, 1])
    wrong = images_of(SMALL, BEFORE, labels, 0, 1)
    assert wrong.images == (2, 1)
    assert wrong.new == {1}
    assert wrong.newly_right == 1
    right = images_of(SMALL, BEFORE, labels, 0, 0)
    assert right.images == (0,)
    assert right.new == {0}
    assert images_of(SMALL, None, labels, 0, 1).new == frozenset()


def test_half_blocks_hold_two_lines_each():
    image = bytes([0, 255, 255, 0, 0, 0, 255, 255, 255])
    assert size_of(3, 1) == (3, 2)
    top, low = (LEVELS - 1,), (0,)
    assert half_blocks(image, 3) == (((low, low), (top, low), (top, low)), ((top, low),) * 3)


def test_smaller_images_are_means():
    image = bytes([255, 255, 0, 0] * 2 + [0] * 8)
    assert size_of(4, 2) == (2, 1)
    assert half_blocks(image, 4, 2) == ((((LEVELS - 1,), (0,)), ((0,), (0,))),)


def test_colour_images_keep_their_colours():
    red, green, grey = bytes([255, 0, 0]), bytes([0, 255, 0]), bytes([51, 51, 51])
    top = LEVELS - 1
    assert half_blocks(red + grey + green + grey, 2) == ((((top, 0, 0), (0, top, 0)), ((3, 3, 3), (3, 3, 3))),)
    assert half_blocks(red * 2 + bytes(6), 2, 2) == ((((round(top / 2), 0, 0), (0, 0, 0)),),)


def test_every_class_has_a_mark_of_its_own_from_its_name_where_possible():
    assert class_marks(("airplane", "automobile", "bird", "cat")) == ("a", "u", "b", "c")
    assert class_marks(tuple("0123")) == tuple("0123")
    many = class_marks(tuple(f"kind {number}" for number in range(62)))
    assert len(set(many)) == 62
    assert class_marks(("水", "火")) == ("水", "火")
    assert len(class_marks(tuple(f"kind {number}" for number in range(100)))) == 100

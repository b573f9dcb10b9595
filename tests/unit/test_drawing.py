"""A drawing becomes a picture as MNIST's are: in a box of 20 x 20, its centre of mass in the middle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.core.drawing import Canvas, Drawing

SIDE = 28
shares = st.floats(0, 1)


def drawing(*strokes):
    made = Drawing()
    for first, *others in strokes:
        made.begin(first)
        for point in others:
            made.go_on(point)
    return made


def rows(made, side=SIDE):
    data = made.framed(side)
    return [data[at : at + side] for at in range(0, side * side, side)]


def centre_of_mass(picture):
    total = sum(map(sum, picture))
    x = sum(value * (i + 0.5) for row in picture for i, value in enumerate(row)) / total
    y = sum(value * (j + 0.5) for j, row in enumerate(picture) for value in row) / total
    return x, y


def box(picture):
    ys = [j for j, row in enumerate(picture) if any(row)]
    xs = [i for i in range(len(picture)) if any(row[i] for row in picture)]
    return xs[-1] - xs[0] + 1, ys[-1] - ys[0] + 1


SEVEN = ((0.1, 0.1), (0.4, 0.1), (0.2, 0.6))


def test_nothing_drawn_is_an_empty_picture():
    assert Drawing().framed(SIDE) == bytes(SIDE * SIDE)


@pytest.mark.parametrize("shift", [(0, 0), (0.5, 0.3)])
@pytest.mark.parametrize("size", [0.5, 1.0])
def test_where_and_how_large_it_is_drawn_makes_no_difference(shift, size):
    moved = [(size * x + shift[0], size * y + shift[1]) for x, y in SEVEN]
    ours, usual = drawing(moved).framed(SIDE), drawing(SEVEN).framed(SIDE)
    assert max(abs(a - b) for a, b in zip(ours, usual, strict=True)) <= 3


@given(st.lists(st.tuples(shares, shares), min_size=2, max_size=12))
def test_its_centre_of_mass_is_in_the_middle_and_it_fits_the_box(points):
    picture = rows(drawing(points))
    x, y = centre_of_mass(picture)
    # What hangs over the edge is cut off, which moves the centre: only for very lopsided drawings.
    assert abs(x - SIDE / 2) < 1.5
    assert abs(y - SIDE / 2) < 1.5
    assert max(box(picture)) <= 22


def test_a_line_is_as_thick_as_mnist_s_and_has_smooth_edges():
    picture = rows(drawing(((0.5, 0.1), (0.5, 0.9))))
    across = picture[SIDE // 2]
    assert 2 <= sum(value > 127 for value in across) <= 4
    assert max(across) == 255
    assert any(0 < value < 255 for value in across)


def test_fast_strokes_have_no_gaps():
    picture = rows(drawing(((0.0, 0.0), (1.0, 1.0))))
    inked = [sum(value > 127 for value in row) for row in picture]
    middle = inked[6:22]
    assert all(middle)


def test_the_last_stroke_can_be_taken_away_and_a_copy_stays():
    made = drawing(SEVEN, ((0.9, 0.9), (0.8, 0.8)))
    copy = made.copy()
    made.undo()
    assert made.framed(SIDE) == drawing(SEVEN).framed(SIDE)
    assert copy.framed(SIDE) != made.framed(SIDE)
    made.clear()
    assert made.is_empty
    made.undo()
    assert made.is_empty


@pytest.mark.parametrize("side", [1, 2, 57])
def test_a_canvas_of_any_size_takes_a_dot(side):
    canvas = Canvas(side)
    canvas.draw([(0.5, 0.5)])
    assert any(ink > 0 for row in canvas.rows for ink in row)


@pytest.mark.parametrize(("framing", "size"), [("mass", 20), ("box", 24), ("full", 28)])
def test_each_dataset_has_its_own_frame_for_drawings(framing, size):
    data = drawing(SEVEN).framed(SIDE, framing)
    picture = [data[at : at + SIDE] for at in range(0, SIDE * SIDE, SIDE)]
    assert abs(max(box(picture)) - size) <= 1
    if framing != "mass":
        xs = [x for row in picture for x, ink in enumerate(row) if ink]
        assert abs((min(xs) + max(xs)) / 2 - (SIDE - 1) / 2) <= 1, "the ink is in the middle"

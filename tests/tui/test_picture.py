"""The maker of screenshots: its pictures show what the cells hold, to the pixel where cells must meet."""

import pytest
from PIL import Image
from textual.app import App
from textual.screen import ModalScreen
from textual.widgets import Static
from tools.picture import CELL, screen_picture, screen_text

WIDTH, HEIGHT = CELL
INK, PAPER = (250, 200, 100), (10, 20, 30)


class Shows(App[None]):
    CSS = "Screen { background: rgb(10,20,30); color: rgb(250,200,100); } Static { height: auto; }"

    def __init__(self, text, *, markup=False):
        super().__init__()
        self._static = Static(text, markup=markup)

    def compose(self):
        yield self._static


@pytest.fixture
def picture_of(tmp_path):
    async def picture_of(text, *, size=(20, 4), markup=False):
        app = Shows(text, markup=markup)
        path = tmp_path / "pictures" / "screen.png"
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            assert screen_picture(app, path) == screen_text(app)
        with Image.open(path) as image:
            return image.convert("RGB")

    return picture_of


def cell(image, column, row=0):
    return image.crop((column * WIDTH, row * HEIGHT, (column + 1) * WIDTH, (row + 1) * HEIGHT))


def share(image, colour=INK):
    """The share of the pixels that have this colour."""
    pixels = image.width * image.height
    return next((count for count, found in image.getcolors(pixels) if found == colour), 0) / pixels


async def test_the_text_is_what_the_screen_shows():
    app = Shows("first line\n  日本 second\n⣀⠤ third")
    async with app.run_test(size=(20, 5)):
        assert screen_text(app) == "first line\n  日本 second\n⣀⠤ third\n\n"


async def test_a_dialog_is_part_of_the_text():
    class Dialog(ModalScreen[None]):
        def compose(self):
            yield Static("really?")

    app = Shows("behind it")
    async with app.run_test(size=(20, 3)) as pilot:
        await app.push_screen(Dialog())
        await pilot.pause()
        assert "really?" in screen_text(app)


async def test_every_cell_has_its_place(picture_of):
    image = await picture_of("█ █\n █", size=(30, 7))
    assert image.size == (30 * WIDTH, 7 * HEIGHT)
    full = [(column, row) for row in range(7) for column in range(30) if share(cell(image, column, row)) == 1]
    assert full == [(0, 0), (2, 0), (1, 1)]
    assert share(cell(image, 5, 5), PAPER) == 1


@pytest.mark.parametrize(
    ("block", "filled"),
    [
        ("▀", (0, 0, 12, 12)), ("▄", (0, 12, 12, 24)), ("▌", (0, 0, 6, 24)), ("▐", (6, 0, 12, 24)),
        ("▁", (0, 21, 12, 24)), ("▇", (0, 3, 12, 24)), ("▔", (0, 0, 12, 3)),
        ("▝", (6, 0, 12, 12)), ("▖", (0, 12, 6, 24)), ("🮂", (0, 0, 12, 6)),
    ],
)  # fmt: skip
async def test_blocks_fill_their_part_of_the_cell_to_its_edges(picture_of, block, filled):
    shape = cell(await picture_of(block), 0)
    left, top, right, bottom = filled
    assert share(shape.crop(filled)) == 1
    assert share(shape) == pytest.approx((right - left) * (bottom - top) / (WIDTH * HEIGHT))


async def test_eighths_grow_step_by_step(picture_of):
    image = await picture_of("▏▎▍▌▋▊▉█")
    shares = [share(cell(image, column)) for column in range(8)]
    assert shares == sorted(set(shares))


async def test_three_quadrants_leave_the_fourth_empty(picture_of):
    shape = cell(await picture_of("▛"), 0)
    assert share(shape) == 0.75
    assert share(shape.crop((6, 12, 12, 24)), PAPER) == 1


async def test_shades_lie_between_paper_and_ink(picture_of):
    image = await picture_of("░▒▓")
    reds = [cell(image, column).getpixel((5, 5))[0] for column in range(3)]
    assert [10, *reds, 250] == sorted({10, *reds, 250})


async def test_each_braille_bit_is_one_dot_of_a_regular_grid(picture_of):
    image = await picture_of("⠁⠂⠄⠈⠐⠠⡀⢀")
    places = []
    for column in range(8):
        dots = [
            (x, y)
            for x in range(2)
            for y in range(4)
            if share(cell(image, column).crop((6 * x, 6 * y, 6 * x + 6, 6 * y + 6)), PAPER) < 1
        ]
        assert len(dots) == 1
        places += dots
    assert places == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]


async def test_an_empty_braille_cell_is_empty(picture_of):
    assert share(cell(await picture_of("\u2800x"), 0), PAPER) == 1


@pytest.mark.parametrize("box", ["┌┬┐\n├┼┤\n└┴┘", "┏┳┓\n┣╋┫\n┗┻┛", "╭┬╮\n├┼┤\n╰┴╯", "┍┯┑\n┝┿┥\n┕┷┙"])
async def test_lines_meet_at_the_edges_of_their_cells(picture_of, box):
    image = await picture_of(box)
    for row in range(3):
        for column in range(2):
            left, right = cell(image, column, row), cell(image, column + 1, row)
            ends = [[side.getpixel((x, y)) for y in range(HEIGHT)] for side, x in ((left, WIDTH - 1), (right, 0))]
            assert ends[0] == ends[1]
            assert INK in ends[0]
    for row in range(2):
        for column in range(3):
            upper, lower = cell(image, column, row), cell(image, column, row + 1)
            ends = [[side.getpixel((x, y)) for x in range(WIDTH)] for side, y in ((upper, HEIGHT - 1), (lower, 0))]
            assert ends[0] == ends[1]
            assert INK in ends[0]


async def test_heavy_lines_are_thicker_than_light_ones(picture_of):
    image = await picture_of("─━╼")
    thick = [[cell(image, c).getpixel((x, y)) for y in range(HEIGHT)].count(INK) for c, x in ((0, 0), (1, 0), (2, 11))]
    assert thick == [2, 4, 4]
    assert [cell(image, 2).getpixel((0, y)) for y in range(HEIGHT)].count(INK) == 2


async def test_letters_are_drawn_in_their_cell(picture_of):
    image = await picture_of("M M")
    assert 0.05 < share(cell(image, 0)) < 0.6
    assert share(cell(image, 1), PAPER) == 1
    assert cell(image, 0).tobytes() == cell(image, 2).tobytes()


async def test_wide_characters_take_two_cells(picture_of):
    image = await picture_of("日█")
    assert share(cell(image, 2)) == 1
    assert share(cell(image, 1)) < 1


async def test_styles_show(picture_of):
    image = await picture_of("[reverse] [/][on rgb(1,2,3)] [/][u] [/][dim]█[/]M[bold]M", markup=True)
    assert share(cell(image, 0)) == 1
    assert share(cell(image, 1), (1, 2, 3)) == 1
    assert 0 < share(cell(image, 2)) < 0.2
    assert share(cell(image, 3)) == 0
    assert cell(image, 4).tobytes() != cell(image, 5).tobytes()

"""All text can be read in every theme: contrasts are computed as WCAG defines them, level AA."""

from itertools import combinations

import pytest
from rich.style import Style
from textual.app import App
from textual.color import Color, Lab, rgb_to_lab
from textual.theme import BUILTIN_THEMES
from tools.picture import _look

from mnist_tui.tui.contrast import FRAME, TEXT, contrast
from mnist_tui.tui.themes import COLOUR_BLIND_DARK, COLOUR_BLIND_LIGHT, OWN_THEMES, grounds, legible_variables
from tests.tui.helpers import run_to_the_end

ALL_THEMES = [theme for theme in (*BUILTIN_THEMES.values(), *OWN_THEMES) if not theme.name.startswith("ansi")]
SIGNS = "✔✖■●★"
# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
DEFICIENCIES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}


def variables_of(theme):
    app: App[None] = App()
    app.register_theme(theme)
    app.theme = theme.name
    return app.get_css_variables()


def test_black_on_white_has_the_greatest_contrast_and_equal_colours_have_none():
    assert contrast(Color(0, 0, 0), Color(255, 255, 255)) == pytest.approx(21)
    assert contrast(Color(118, 118, 118), Color(255, 255, 255)) == pytest.approx(4.54, abs=0.01)
    assert contrast(Color(9, 9, 9), Color(9, 9, 9)) == 1


@pytest.mark.parametrize("theme", ALL_THEMES, ids=lambda theme: theme.name)
def test_every_role_of_every_theme_is_legible_and_frames_are_seen(theme):
    variables = variables_of(theme)
    changed = legible_variables(variables)
    behind = grounds(variables)
    for role in ("foreground", "text-muted", "text-success", "text-warning", "text-error", "text-accent"):
        assert min(contrast(Color.parse(changed[role]), ground) for ground in behind) >= TEXT, role
    cursor = Color.parse(variables["block-cursor-background"])
    assert contrast(Color.parse(changed["block-cursor-foreground"]), cursor) >= TEXT
    assert min(contrast(Color.parse(changed["frame"]), ground) for ground in behind[:4]) >= FRAME


def poor_text(app):
    """Return the text that has less contrast than AA asks for, within the top screen or its dialog."""
    screen = app.screen
    region = screen.query_one(".dialog").region if len(app.screen_stack) > 1 else screen.region
    poor = set()
    for y, strip in enumerate(screen._compositor.render_strips()):
        x = 0
        for text, style, _ in strip:
            look = _look(style or Style.null(), app.ansi_theme)
            if (x, y) in region and any(sign.isalnum() or sign in SIGNS for sign in text):
                ratio = contrast(Color(*look.ink), Color(*look.paper))
                if ratio < TEXT:
                    poor.add((text.strip(), round(ratio, 2)))
            x += len(text)
    return poor


@pytest.mark.parametrize("theme", ["textual-light", "nord"])
async def test_what_is_drawn_is_legible(make_app, theme):
    app = make_app(insights=True)
    async with app.run_test(size=(170, 50)) as pilot:
        app.theme = theme
        await run_to_the_end(pilot, "t")
        assert not poor_text(app)
        await pilot.press("escape", "2", "space", "down", "space")
        for keys in ["2", "C", "escape,a", "escape,N", "escape,question_mark", "escape,L", "escape,3", "4", "5", "1"]:
            await pilot.press(*keys.split(","))
            await pilot.pause(0.1)
            assert not poor_text(app), keys


def seen(color, deficiency):
    """Return what people with a colour vision deficiency see of a colour, as CIE L*a*b*."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    rgb = [max(0.0, min(1.0, sum(m * c for m, c in zip(row, linear, strict=True)))) for row in DEFICIENCIES[deficiency]]
    signals = (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in rgb)
    return rgb_to_lab(Color(*(round(255 * c) for c in signals)))


def distance(one: Lab, other: Lab) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("theme", [COLOUR_BLIND_DARK, COLOUR_BLIND_LIGHT], ids=lambda theme: theme.name)
def test_good_bad_and_doubtful_differ_for_people_who_see_fewer_colours(theme, deficiency):
    variables = variables_of(theme) | legible_variables(variables_of(theme))
    roles = [Color.parse(variables[name]) for name in ("text-success", "text-error", "text-warning")]
    for one, other in combinations(roles, 2):
        assert distance(seen(one, deficiency), seen(other, deficiency)) > 15, (one, other)

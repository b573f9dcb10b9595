"""The film through the app's real path: what is drawn of an epoch is what the store holds of that epoch."""

import pytest

from mnist_tui.core.spec import RunSpec
from mnist_tui.report.scatter import Plane
from mnist_tui.store.database import Store
from mnist_tui.tui.widgets.features import ClassesCard, MapView
from tests.tui.helpers import run_to_the_end, settle

EPOCHS = (1, 20)
MAPS = {"1": "#live-map", "5": "#draw-map", "4": "#map"}
"""Each tab that has a map, by its key; the Features tab last, whose table of classes is read as well."""


def drawn(view: MapView) -> list[str]:
    """Return the rows of the map as they stand on the screen."""
    rows = view.size.height - 2
    return ["".join(segment.text for segment in view.render_line(1 + row)) for row in range(rows)]


def stored(view: MapView, home, run: str, epoch: int) -> list[str]:
    """Return the rows of a map of what the store holds, turned and scaled as the view is."""
    with Store.open_readonly(home) as store:
        insight = store.insight(run, epoch)
    assert insight is not None
    assert view._limits is not None
    width, height = view.size
    points = [view._turn.apply(point) for point in insight.points]
    left, right, bottom, top = view._limits
    assert all(left <= x <= right and bottom <= y <= top for x, y in points)
    dots = Plane(insight, points, view._limits, width, height - 2).dots()
    return ["".join(" " if dot.label is None else str(dot.label) for dot in row) for row in dots]


async def go_to(pilot, epoch: int, key: str) -> None:
    """Look at an epoch in a tab."""
    app = pilot.app
    await pilot.press(key)
    await settle(pilot)
    epochs = app.insight.film.epochs
    app.looking.action_epoch(epochs.index(epoch) - epochs.index(app.insight.film.epoch))
    await settle(pilot)
    assert app.insight.scene.insight.epoch == epoch


@pytest.mark.parametrize(("features", "seeds"), [(2, (0, 1)), (16, (0,))])
async def test_each_epoch_of_each_run_is_drawn_as_it_is_stored(make_app, home, features, seeds):
    app = make_app(insights=True)
    async with app.run_test(size=(200, 60)) as pilot:
        pictures = set()
        for seed in seeds:
            app.work.spec = RunSpec(epochs=20, features=features, seed=seed)
            await run_to_the_end(pilot, "r")
            await pilot.press("escape")
            run = app.state.run.run
            for epoch in EPOCHS:
                for key, name in MAPS.items():
                    await go_to(pilot, epoch, key)
                    view = app.query_one(name, MapView)
                    # The cursor covers a cell of the Features tab.
                    cursor = view._plane.cells[view.cursor] if view.can_focus else None
                    picture = drawn(view)
                    for row, (ours, theirs) in enumerate(zip(picture, stored(view, home, run, epoch), strict=True)):
                        hidden = cursor[1] if cursor is not None and cursor[0] == row else None
                        assert [at for at in range(len(ours)) if ours[at] != theirs[at] and at != hidden] == []
                    pictures.add("\n".join(picture))
                with Store.open_readonly(home) as store:
                    insight = store.insight(run, epoch)
                assert insight is not None
                card = str(app.query_one("#classes", ClassesCard).render()).splitlines()
                for number, share in enumerate(insight.class_accuracy):
                    assert card[number].split()[:2] == [str(number), f"{100 * (share or 0.0):.1f}%"]
        assert len(pictures) == len(seeds) * len(EPOCHS) * len(MAPS)

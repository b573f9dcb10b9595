"""The app whose runs are trained on a cluster; here its workers are processes of this machine."""

from functools import partial

import pytest

from mnist_tui.core.events import Preparing
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.demo import load_classifier, run_sweep
from mnist_tui.errors import RunError
from mnist_tui.runtime.backends import Backends
from mnist_tui.tui.app import MnistTuiApp
from mnist_tui.workers.cluster import Cluster
from mnist_tui.workers.link import ProcessLink
from mnist_tui.workers.pool import many
from tests.tui.helpers import run_to_the_end, screen_text, settle, statuses, until
from tests.tui.test_two_apps import kept, opened


class Nearby(Cluster):
    """Has room for two workers, unless it is out of reach at its start or when a worker is asked for."""

    lost = ""

    def opening(self, is_unwanted):
        yield Preparing(message="starting Ray")
        if self.lost == "start":
            raise RunError("Ray cannot be reached", "Its log tells why")
        self.room = 2

    def link(self, engine):
        if self.lost == "worker":
            raise RunError("the connection to Ray is lost", "Its log tells why")
        return ProcessLink(engine)


@pytest.fixture
def cluster(home):
    return Nearby("ray", home)


@pytest.fixture
def app(home, cluster):
    workers = partial(many, engine=run_sweep, cluster=cluster)
    return MnistTuiApp(Backends(run_sweep, load_classifier, workers=workers, cluster=cluster), home, RunSpec(epochs=3))


async def test_as_many_train_at_once_as_the_cluster_has_room_for(app, home):
    async with opened(app) as pilot:
        assert "on ray" in screen_text(app)
        await pilot.press("J")
        await until(pilot, lambda: "depends on the free capacity of ray" in " ".join(screen_text(app).split()))
        await run_to_the_end(pilot, "n", "n", "n", "r")
        assert statuses(app) == [Status.FINISHED] * 3
        await pilot.press("escape")
        await settle(pilot)
        assert "2 in parallel on ray" in screen_text(app)
    # Its own number of threads tells that even a single run is trained by a worker.
    assert {run.machine.threads for run in kept(home).values()} == {1}


@pytest.mark.parametrize("lost", ["start", "worker"])
async def test_where_the_cluster_is_out_of_reach_it_is_told_and_what_was_queued_waits(app, home, cluster, lost):
    cluster.lost = lost
    async with opened(app) as pilot:
        await pilot.press("n", "n", "r")
        await until(pilot, lambda: "Its log tells why" in " ".join(screen_text(app).split()))
        await until(pilot, lambda: not app.session.active)
        assert len(app.session.queue.waiting) == 2
        cluster.lost = ""
        await run_to_the_end(pilot, "r")
    assert [run.status for run in kept(home).values()] == [Status.FINISHED] * 2

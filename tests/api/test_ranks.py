"""Several processes train one model: one run, and all obey at the same step."""

import os
import socket
import subprocess
import sys
import textwrap

from mnist_tui.core.status import Status
from mnist_tui.store.database import Store
from tests.api.conftest import points, stored
from tests.patience import PATIENCE_S

LOOP = """
    import os, torch, torch.distributed as dist, mnist_tui
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    with mnist_tui.init("ddp", epochs=2, state={"optimizer": optimizer}) as run:
        for epoch in run.epochs():
            for step in run.steps(10**9):
                dist.all_reduce(torch.ones(10))
                run.log(loss=1.0)
        print("not reached")
    print(run.step, optimizer.param_groups[0]["lr"], flush=True)
    dist.destroy_process_group()
"""


def started(home, text, **environment):
    """Start two ranks of a script."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"MNIST_TUI_HOME": str(home), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    return [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(text)],
            env={**os.environ, **common, **environment, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]


def test_all_ranks_obey_at_the_same_step(home, remote):
    children = started(home, LOOP)
    assert remote.tell("rate", 0.5) == ""
    assert remote.tell("pause") == ""
    remote.hear("run_paused")
    assert remote.tell("resume") == ""
    assert remote.tell("stop") == ""
    said = [child.communicate(timeout=PATIENCE_S)[0] for child in children]
    assert said[0] == said[1]
    assert said[0].split()[1] == "0.5"
    with Store.open_readonly(home) as store:
        assert len(store.runs()) == 1
    assert stored(home).status is Status.STOPPED
    assert len(points(home, "loss")) == int(said[0].split()[0])


RESUMED = """
    import torch, torch.distributed as dist, mnist_tui
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    model = torch.nn.Linear(1, 1)
    with mnist_tui.init("ddp", epochs=2, state={"model": model}) as run:
        first = float(model.weight)
        for epoch in run.epochs():
            for step in run.steps(15):
                with torch.no_grad():
                    model.weight += 1.0
        print(run.epoch, run.step, first, float(model.weight), flush=True)
    dist.destroy_process_group()
"""


def test_a_resumed_run_is_restored_on_all_ranks(home):
    def said(text, **environment):
        children = started(home, text, **environment)
        return [child.communicate(timeout=PATIENCE_S)[0].split() for child in children]

    before = said(RESUMED)
    after = said(RESUMED.replace("epochs=2", "epochs=3"), MNIST_TUI_RESUME="last")
    for again in after:
        assert again[:2] == ["3", "45"]
        assert float(again[2]) == float(before[0][3]), "the state of rank 0, which was saved"
    assert stored(home).epochs_done == 3

"""Several processes train one model: one run, and all obey at the same step."""

import os
import socket
import subprocess
import sys
import textwrap

from mnist_tui.core.events import Status
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


def test_all_ranks_obey_at_the_same_step(home, remote):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"MNIST_TUI_HOME": str(home), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(LOOP)],
            env={**os.environ, **common, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
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

"""The app in a browser: who may use it, and what a person sees there."""

import json
import re
import subprocess
from contextlib import asynccontextmanager

import aiohttp
import psutil
import pytest

from mnist_tui.core.status import Status
from mnist_tui.store.database import Store
from tests.e2e.browser import CHROMIUM, Browser, wait_for
from tests.e2e.conftest import COMMAND
from tests.patience import PATIENCE_S


@pytest.fixture
def server(places):
    """A server's address without its secret, its secret, and its process."""
    process = subprocess.Popen(
        [COMMAND, "web", "--port", "0"], env=places, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"The app is at (http://127\.0\.0\.1:\d+)/(\S+)\n", line)
    assert found is not None, line
    yield found[1], found[2], process
    tabs = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    process.wait(PATIENCE_S)
    process.stdout.close()
    assert not psutil.wait_procs(tabs, PATIENCE_S)[1]


@asynccontextmanager
async def visitor(address, secret=""):
    """A client; with the secret, it has the cookie."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        if secret:
            async with client.get(f"{address}/{secret}") as answer:
                # The secret does not stay in the address.
                assert (answer.status, str(answer.url)) == (200, f"{address}/")
        yield client


async def status(client, address, path="/", **headers):
    async with client.get(f"{address}{path}", headers=headers) as answer:
        return answer.status


async def test_only_who_knows_the_secret_and_comes_from_here_is_answered(server):
    address, secret, _ = server
    async with visitor(address) as stranger:
        assert await status(stranger, address) == 403
        assert await status(stranger, address, "/static/js/textual.js") == 403
        assert await status(stranger, address, f"/{secret[:-1]}x") == 403
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await stranger.ws_connect(f"{address}/ws", headers={"Origin": address})
        assert refused.value.status == 403
    async with visitor(address, secret) as client:
        assert await status(client, address, "/static/js/textual.js") == 200
        assert await status(client, address, Host="evil.example") == 403
        assert await status(client, address, Origin="http://evil.example") == 403
        for folder in ("/static", "/static/", "/static/js", "/static/js/", "/download/key"):
            assert await status(client, address, folder) == 404
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {}):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await client.ws_connect(f"{address}/ws", headers=headers)
        async with client.get(address) as page:
            assert page.headers["X-Frame-Options"] == "DENY"
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_a_tab_draws_survives_bad_messages_of_others_and_ends_with_its_connection(server):
    address, secret, process = server
    known = psutil.Process(process.pid)
    async with visitor(address, secret) as client:

        def connect(query=""):
            return client.ws_connect(f"{address}/ws{query}", headers={"Origin": address})

        socket = await connect("?width=1e9&height=-5")
        drawn = await drawn_until(socket, "READY")
        assert drawn
        for bad in ("[", "7", '["stdin", 5]', '["resize", {"width": "x", "height": 1e999}]', "[" * 50_000):
            other = await connect()
            await other.send_str(bad)
            await other.close()
        await socket.send_json(["resize", {"width": 10**9, "height": 10**9}])
        await socket.send_json(["ping", "there?"])
        while (message := await socket.receive(PATIENCE_S)).type is not aiohttp.WSMsgType.TEXT:
            assert message.type is aiohttp.WSMsgType.BINARY
        assert json.loads(message.data) == ["pong", "there?"]
        # A process that dies takes its tab along, and one whose server dies ends, too.
        for child in known.children():
            child.kill()
        while (message := await socket.receive(PATIENCE_S)).type is aiohttp.WSMsgType.BINARY:
            pass
        assert message.type is aiohttp.WSMsgType.CLOSE
        await wait_for(lambda: not known.children())
        other = await connect()
        await drawn_until(other, "READY")
        (child,) = known.children()
        known.kill()
        assert not psutil.wait_procs([child], PATIENCE_S)[1]
        while (await other.receive(PATIENCE_S)).type is aiohttp.WSMsgType.BINARY:
            pass
        await other.close()
        await socket.close()


async def test_no_more_tabs_than_eight(server):
    address, secret, process = server
    async with visitor(address, secret) as client:
        sockets = [await client.ws_connect(f"{address}/ws", headers={"Origin": address}) for _ in range(8)]
        assert await status(client, address, "/ws", Origin=address) == 503
        async with client.get(address) as page:
            assert (page.status, "8 tabs already" in await page.text()) == (503, True)
        assert len(psutil.Process(process.pid).children()) <= 8
        for socket in sockets:
            await socket.close()


async def drawn_until(socket, text):
    """Return what is drawn until a text appears."""
    drawn = b""
    while text.encode() not in drawn:
        message = await socket.receive(PATIENCE_S)
        assert message.type is aiohttp.WSMsgType.BINARY, message
        drawn += message.data
    return drawn


def test_other_machines_are_let_in_only_on_demand(places):
    done = subprocess.run(
        [COMMAND, "web", "--host", "0.0.0.0"], env=places, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--yes" in done.stderr


def test_a_port_that_is_taken_is_told(places, server):
    address, _, _ = server
    done = subprocess.run(
        [COMMAND, "web", "--port", address.rpartition(":")[2]], env=places, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be listened on" in done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
async def test_a_run_that_is_started_in_a_tab_outlives_it_and_is_seen_and_steered_in_another(server, tmp_path):
    address, secret, _ = server

    def run():
        with Store.open_readonly(tmp_path / "home") as store:
            return next(iter(store.runs()), None)

    async with Browser(tmp_path / "profile") as browser:
        first = await browser.tab(f"{address}/{secret}")
        await first.shows("READY")
        await first.focus()
        await first.press("E")
        await first.shows("Epochs of the next run")
        await first.press(*"100000", "Enter")
        await first.shows("100000 epochs")
        await first.press("r")
        await first.shows("/100000")
        second = await browser.tab(f"{address}/")
        await second.shows("/100000")
        await first.close()
        await second.reload()
        await second.shows("running")
        before = run().step, run().epochs_done
        assert run().status is Status.RUNNING
        # The mouse works, too: a click on the second tab of the app.
        await second.click(120, 27)
        await second.shows("Runs · 1")
        await second.focus()
        await second.press("1", "x")
        await wait_for(lambda: run().status is Status.STOPPED)
        assert before <= (run().step, run().epochs_done)
        foreign = await second.run(
            "new Promise((done) => { const s = new WebSocket(location.origin.replace('http', 'ws') + '/ws'); "
            "s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
        )
        assert foreign == "open"
        await second.go("data:text/html,<title>evil</title>")
        foreign = await second.run(
            f"new Promise((done) => {{ const s = new WebSocket('{address.replace('http', 'ws')}/ws'); "
            "s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
        )
        assert foreign == "refused"

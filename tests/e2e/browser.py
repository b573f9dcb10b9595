"""A headless Chromium, driven by its debugging protocol as a person would use it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import pyte

from tests.patience import PATIENCE_S

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_LISTEN: Final = """
window.seen = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...all) {
    super(...all);
    this.addEventListener('message', async (event) => {
      const data = event.data instanceof Blob ? await event.data.arrayBuffer() : event.data;
      if (data instanceof ArrayBuffer) window.seen.push(new TextDecoder().decode(data));
    });
  }
};
"""
"""Keeps what the page draws, as it draws on a canvas."""
_KEYS: Final = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "Tab": 9}


class Tab:
    """One tab."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, target: str) -> None:
        self._session, self._socket, self.target = session, socket, target
        self._numbers = itertools.count(1)
        self._screen = pyte.Screen(142, 39)
        self._stream = pyte.Stream(self._screen)

    async def call(self, method: str, **params: Any) -> Any:
        """Call a method of the protocol."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            answer = json.loads((await self._socket.receive(PATIENCE_S)).data)
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    async def run(self, script: str) -> Any:
        """Return the value of a script."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return found["result"].get("value")

    async def go(self, address: str) -> None:
        """Open an address."""
        self._screen.reset()
        await self.call("Page.navigate", url=address)

    async def reload(self) -> None:
        """Load the page again."""
        self._screen.reset()
        await self.call("Page.reload")

    async def display(self) -> str:
        """Return the screen as text."""
        seen = await self.run("(window.seen || []).splice(0)") or []
        self._stream.feed("".join(seen))
        return "\n".join(self._screen.display)

    async def shows(self, text: str) -> None:
        """Wait until a text is on the screen."""

        async def is_there() -> bool:
            return text in await self.display()

        await wait_for(is_there)

    async def focus(self) -> None:
        """Let the terminal have the keys, as a click into it does."""
        await self.run("document.querySelector('.xterm-helper-textarea').focus()")

    async def press(self, *keys: str) -> None:
        """Press keys: single characters, or names such as `Enter`."""
        for key in keys:
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            code = _KEYS.get(key, 0)
            common: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "nativeVirtualKeyCode": code}
            await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
            await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def click(self, x: float, y: float) -> None:
        """Click at a place of the page."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def picture(self, path: Path) -> None:
        """Save what is seen."""
        found = await self.call("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(found["data"]))

    async def close(self) -> None:
        """Close the tab."""
        await self.call("Page.close")


class Browser:
    """A browser with a profile of its own; use as a context manager."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        self._profile = profile
        command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        quiet = ["--no-first-run", "--disable-extensions", "--disable-background-networking", "--mute-audio"]
        self._process = subprocess.Popen(
            [*command, *quiet, f"--user-data-dir={profile}", "--window-size=1280,800", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def __aenter__(self) -> Self:
        port = self._profile / "DevToolsActivePort"
        await wait_for(lambda: port.exists() and len(port.read_text().splitlines()) > 1)
        self._address = f"http://127.0.0.1:{port.read_text().splitlines()[0]}"
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        self._process.kill()
        self._process.wait()

    async def tab(self, address: str) -> Tab:
        """Open a tab."""
        async with self._session.put(f"{self._address}/json/new?about:blank") as answer:
            target = await answer.json()
        socket = await self._session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0)
        tab = Tab(self._session, socket, target["id"])
        await tab.call("Page.enable")
        await tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
        await tab.call("Page.addScriptToEvaluateOnNewDocument", source=_LISTEN)
        await tab.go(address)
        return tab


async def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds; it may be a coroutine function."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert loop.time() < end
        await asyncio.sleep(0.1)

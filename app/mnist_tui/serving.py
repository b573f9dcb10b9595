"""The app in a browser: textual-serve, made safe.

By itself, it would let every web page that its user visits start programs and type into them. Here the address has a
secret, which becomes a cookie; other sites, other host names and further tabs are refused; and there is no shell.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import secrets
import signal
import socket
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.server import Server

from mnist_tui.environment import PYTHON
from mnist_tui.errors import UsageError
from mnist_tui.streams import say

COMMAND: Final = "web-tab"
"""The command that each tab runs; only for this server."""
HERE: Final = "127.0.0.1"
MOST: Final = 8
"""Most tabs: each is a process."""
_FULL: Final = f"The app is open in {MOST} tabs already. Close one, then reload this page."
_OWN_NAMES: Final = (HERE, "localhost")
_COLUMNS, _ROWS = (20, 500), (10, 300)
"""Limits of a screen's size."""
_LONGEST: Final = 1 << 20
"""Bytes of the longest message from a browser: a pasted text."""
_QUIT_S: Final = 10.0
"""How long a tab's process may take to end."""
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; font-src 'self' data:; frame-ancestors 'none'; img-src 'self' data:; "
        "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def serve(port: int, host: str = HERE) -> int:
    """Serve the app until Ctrl+C or SIGTERM; return the exit code.

    Args:
        port: The port; 0 for any free one.
        host: The address to listen on.

    Raises:
        UsageError: The address cannot be used.
    """
    try:
        listener = socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{host}:{port} cannot be listened on: {reason}", "Choose another --port; 0 takes any"
        ) from error
    number = listener.getsockname()[1]
    server = SafeServer(host, number)
    address = f"http://{HERE if host in _OWN_NAMES else host}:{number}/{server.secret}"
    say(f"The app is at {address}", out=True)
    say("The address is a password: whoever has it can use the app. Ctrl+C ends this server; runs go on.")
    if host == HERE:
        tunnel = f"ssh -L {number}:{HERE}:{number} {socket.gethostname()}"
        say(f"From another machine: {tunnel}, then the same address there.")
    # Requests that are none of a browser would be told with tracebacks.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    asyncio.run(server.run(listener))
    return 0


class _Tab(AppService):
    """One tab and its process."""

    async def _open_app_process(self, width: int = 80, height: int = 24) -> asyncio.subprocess.Process:
        environment = self._build_environment(width=width, height=height)
        self._process = process = await asyncio.create_subprocess_exec(
            *PYTHON,
            "-m",
            "mnist_tui",
            COMMAND,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
        self._stdin = process.stdin
        return process

    async def run(self) -> None:
        """Pass on what the process draws, until it ends."""
        process = self._process
        if process is None or process.stdout is None:
            return
        out = process.stdout
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            await out.readuntil(b"__GANGLION__\n")
            while True:
                kind, size = await out.readexactly(1), int.from_bytes(await out.readexactly(4), "big")
                payload = await out.readexactly(size)
                if kind == b"D":
                    await self.on_data(payload)
                elif kind == b"M" and json.loads(payload).get("type") == "exit":
                    break
        # Also if it was killed: the page says that the session has ended.
        await self.remote_close()

    async def stop(self) -> None:
        """End the process."""
        if (process := self._process) is None:
            return
        with suppress(ConnectionError):
            await self.send_meta({"type": "quit"})
        try:
            await asyncio.wait_for(process.wait(), _QUIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._task is not None:
            self._task.cancel()
            self._task = None


class SafeServer(Server):
    """Serves the app to whoever has the secret.

    Args:
        host: The address that it listens on.
        port: The port.

    Attributes:
        secret: The first part of the first address.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__("", host=host, port=port, title="mnist-tui")
        self.secret = secrets.token_urlsafe(24)
        self._cookie = f"mnist-tui-{port}"
        self._tabs: set[_Tab] = set()

    async def run(self, listener: socket.socket) -> None:
        """Serve until a signal asks to end."""
        ends, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, ends.set)
        runner = web.AppRunner(await self._make_app(), access_log=None)
        await runner.setup()
        try:
            await web.SockSite(runner, listener, shutdown_timeout=1.0).start()
            await ends.wait()
        finally:
            await asyncio.gather(*(tab.stop() for tab in self._tabs))
            await runner.cleanup()

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()

        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            return await self._guard(request, handler)

        app.middlewares.append(guard)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: `serve` has said it."""

    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Answer only those who come from here and know the secret."""
        self._check_sender(request)
        if _same(request.path.strip("/"), self.secret):
            answer: web.StreamResponse = web.HTTPFound("/", headers=_HEADERS)
            answer.set_cookie(self._cookie, self.secret, httponly=True, samesite="Strict")
            return answer
        if not _same(request.cookies.get(self._cookie, ""), self.secret):
            raise web.HTTPForbidden(text="Use the whole address that `mnist-tui web` printed.", headers=_HEADERS)
        # Not the lists of its files, and no downloads: the app offers none.
        if request.path.startswith("/download") or _is_folder(request.path):
            raise web.HTTPNotFound(headers=_HEADERS)
        answer = await handler(request)
        if not answer.prepared:
            answer.headers.update(_HEADERS)
        return answer

    def _check_sender(self, request: web.Request) -> None:
        """Refuse other host names, which could lead here by DNS, and requests that another site has made."""
        name = re.sub(r":\d+$", "", request.host).strip("[]")
        if self.host in _OWN_NAMES and name not in _OWN_NAMES:
            raise web.HTTPForbidden(text="This server answers to 127.0.0.1 and localhost alone.", headers=_HEADERS)
        origin = request.headers.get("Origin")
        is_foreign = origin is not None and origin != f"{request.scheme}://{request.host}"
        if is_foreign or (origin is None and request.path == "/ws"):
            raise web.HTTPForbidden(text="This server does not answer other sites.", headers=_HEADERS)

    async def handle_index(self, request: web.Request) -> Any:
        """Return the page, whose addresses are those of the request: it may have come through a tunnel."""
        if len(self._tabs) >= MOST:
            return web.Response(status=503, text=_FULL)
        self.public_url = f"{request.scheme}://{request.host}"
        return await super().handle_index(request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Connect a tab with a process of its own."""
        if len(self._tabs) >= MOST:
            raise web.HTTPServiceUnavailable(text=_FULL)
        socket_ = web.WebSocketResponse(heartbeat=15, max_msg_size=_LONGEST)
        await socket_.prepare(request)

        async def close() -> None:
            await socket_.close()

        tab = _Tab(
            "",
            write_bytes=socket_.send_bytes,
            write_str=socket_.send_str,
            close=close,
            download_manager=self.download_manager,
        )
        self._tabs.add(tab)
        try:
            width, height = request.query.get("width", ""), request.query.get("height", "")
            await tab.start(_within(width, _COLUMNS), _within(height, _ROWS))
            async for message in socket_:
                if message.type is WSMsgType.TEXT:
                    # A message that is none ends its own tab.
                    await _take(tab, socket_, json.loads(message.data))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, ConnectionError):
            await socket_.close()
        finally:
            self._tabs.discard(tab)
            await tab.stop()
        return socket_


async def _take(tab: _Tab, socket_: web.WebSocketResponse, message: Any) -> None:
    """Pass on a message of the browser."""
    match message:
        case ["stdin", str(text)]:
            await tab.send_bytes(text.encode())
        case ["resize", {"width": width, "height": height}]:
            await tab.set_terminal_size(_within(width, _COLUMNS), _within(height, _ROWS))
        case ["ping", data]:
            await socket_.send_json(["pong", data])
        case ["blur", *_]:
            await tab.blur()
        case ["focus", *_]:
            await tab.focus()


def _within(value: object, limits: tuple[int, int]) -> int:
    """Return a size within its limits; the smaller one if it is none."""
    try:
        return min(max(int(str(value)), limits[0]), limits[1])
    except ValueError:
        return limits[0]


def _is_folder(path: str) -> bool:
    return path.startswith("/static") and "." not in path.rpartition("/")[2]


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())

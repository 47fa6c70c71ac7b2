"""A real browser without a window, driven by its DevTools protocol: what a page looks like, says and asks for."""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_START_S = 60.0
"""Seconds in which a browser starts, also on a machine that is busy."""
_LOOK_S = 60.0
"""Seconds in which it has looked at a page, unless the page keeps it from that, as `alert` does."""
_OVERFLOWING = """
(() => {
  const out = [], nodes = document.createNodeIterator(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node; node = nodes.nextNode();) {
    const isText = node.nodeType === Node.TEXT_NODE, place = isText ? document.createRange() : node;
    if (isText) place.selectNode(node);
    const sticks = [...place.getClientRects()].some(box => box.width && (box.right > WIDTH + 0.5 || box.left < -0.5));
    if (sticks && !(isText ? node.parentElement : node).closest('.scroll')) out.push((node.outerHTML || node.data));
  }
  return out;
})()
"""
"""Code that lists what sticks out of the screen, text too. A wide table scrolls in a box of its own."""


@dataclass
class Seen:
    """What a browser saw of a page."""

    messages: list[str] = field(default_factory=list[str])
    """What stood in its console."""
    requests: list[str] = field(default_factory=list[str])
    """What was asked for beside the page itself."""
    overflowing: list[str] = field(default_factory=list[str])
    width: int = 0
    """Pixels that the page needs."""
    title: str = ""
    text: str = ""
    """All text that is shown."""


class Browser:
    """A browser that has started.

    Args:
        port: where it listens.
    """

    def __init__(self, port: int):
        self._port = port

    def look(self, page: Path, width: int, *, dark: bool = False, picture: Path | None = None, height: int = 0) -> Seen:
        """Opens a page and looks at it.

        Args:
            page: the file.
            width: pixels of the screen.
            dark: whether the reader wants dark colors.
            picture: where to write a screenshot.
            height: pixels of the screenshot; all of the page unless given.
        """
        looking = self._look(page, width, dark=dark, picture=picture, height=height)
        return asyncio.run(asyncio.wait_for(looking, _LOOK_S))

    async def _look(self, page: Path, width: int, *, dark: bool, picture: Path | None, height: int) -> Seen:
        seen = Seen()
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{self._port}/json/new?about:blank") as answer:
                tab = await answer.json(content_type=None)
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tell = _Teller(socket, seen, page.as_uri())
                for name in ("Page", "Runtime", "Log", "Network"):
                    await tell(f"{name}.enable")
                await tell(
                    "Emulation.setDeviceMetricsOverride",
                    width=width,
                    height=900,
                    deviceScaleFactor=1,
                    mobile=False,
                )
                scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
                await tell("Emulation.setEmulatedMedia", features=[scheme])
                await tell("Page.navigate", url=page.as_uri())
                while not tell.has_loaded or await tell.value("document.readyState") != "complete":
                    await tell.value("0")
                # All tables are folded out for the second look, so that what they hold is seen to fit, too.
                for code in ("0", "document.querySelectorAll('details').forEach(each => each.open = true)"):
                    await tell.value(code)
                    seen.overflowing += await tell.value(_OVERFLOWING.replace("WIDTH", str(width)))
                    seen.width = max(seen.width, await tell.value("document.documentElement.scrollWidth"))
                seen.title = await tell.value("document.title")
                seen.text = await tell.value("document.body.innerText")
                await tell.value("document.querySelectorAll('details').forEach(each => each.open = false)")
                if picture is not None:
                    full = await tell.value("document.documentElement.scrollHeight")
                    clip = {"x": 0, "y": 0, "width": width, "height": height or full, "scale": 1}
                    shot = await tell("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
                    picture.write_bytes(base64.b64decode(shot["data"]))
                await tell("Page.close")
        return seen


class _Teller:
    """Sends commands to a tab, and notes the events that come between their answers."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, seen: Seen, url: str):
        self._socket, self._seen, self._url = socket, seen, url
        self._number = 0
        self.has_loaded = False

    async def __call__(self, method: str, **params: Any) -> Any:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self._note(message.get("method", ""), message.get("params", {}))

    async def value(self, code: str) -> Any:
        """Returns what code in the page gives."""
        result = await self("Runtime.evaluate", expression=code, returnByValue=True)
        return result["result"].get("value")

    def _note(self, event: str, params: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self.has_loaded = True
        elif event in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            self._seen.messages.append(str(params))
        elif event == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if url != self._url and not url.startswith("data:"):
                self._seen.requests.append(url)


@contextmanager
def started_browser(folder: Path) -> Generator[Browser]:
    """Starts a browser. Skips the test where there is none.

    Args:
        folder: for its profile, which it does not share.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed (Debian: apt install chromium)")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    profile = ["--remote-debugging-port=0", "--hide-scrollbars", f"--user-data-dir={folder}"]
    with subprocess.Popen([found, *options, *profile], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield Browser(_port(folder / "DevToolsActivePort", process))
        finally:
            process.terminate()
            process.wait()


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) > 1:
            return int(lines[0])
        time.sleep(0.05)
    pytest.fail(f"the browser did not start: exit code {process.poll()}")

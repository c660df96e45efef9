"""A headless Chromium, driven over the DevTools protocol through a pair of pipes: no driver, no further package.

Protocol: https://chromedevtools.github.io/devtools-protocol/ (`--remote-debugging-pipe`: JSON messages that end in NUL
on the file descriptors 3 and 4).
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS: Final = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # root in a container has none; only our own pages are opened
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
)
_PATIENCE: Final = 240.0  # seconds for one answer: far above what a busy machine needs


def chromium() -> str | None:
    """The program's path, or None when there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@dataclass
class Page:
    """One tab. `complaints` are errors and warnings of its console, `requests` the URLs it asked for."""

    browser: Browser
    session: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    loaded: bool = False

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited. Raises AssertionError when it throws."""
        parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        result = self.browser.call("Runtime.evaluate", parameters, self.session)
        assert "exceptionDetails" not in result, (expression, result["exceptionDetails"])
        return result["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The value of the expression as soon as it is truthy."""
        return self.evaluate(
            "new Promise((resolve, reject) => { const look = () => { try {"
            f" const found = {expression};"
            " if (found) resolve(typeof found === 'object' ? true : found); else setTimeout(look, 20);"
            " } catch (error) { reject(error); } }; look(); })"
        )

    def note(self, method: str, parameters: dict[str, Any]) -> None:
        """Keeps what an event of this tab tells."""
        match method:
            case "Page.loadEventFired":
                self.loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                self.complaints.append(json.dumps(parameters["entry"]))
            case "Audits.issueAdded" if parameters["issue"]["code"] == "ContentSecurityPolicyIssue":
                self.complaints.append(json.dumps(parameters["issue"]))


class Browser:
    """The running program."""

    def __init__(self, process: subprocess.Popen[bytes], commands: int, events: int) -> None:
        self._process = process
        self._commands = commands
        self._events = events
        self._unread = b""
        self._last = 0
        self._target = ""
        self._pages: dict[str, Page] = {}

    @classmethod
    @contextmanager
    def running(cls, program: str, folder: Path) -> Iterator[Self]:
        """Starts the program with its profile in `folder`, and ends it."""
        their_input, our_output = os.pipe()
        our_input, their_output = os.pipe()
        command = [program, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        redirected = ["bash", "-c", f'exec "$@" 3<&{their_input} 4>&{their_output}', "bash", *command]
        with (folder / "chromium.log").open("wb") as log:
            process = subprocess.Popen(redirected, stdout=log, stderr=log, pass_fds=(their_input, their_output))
        os.close(their_input)
        os.close(their_output)
        browser = cls(process, our_output, our_input)
        try:
            yield browser
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE)
            os.close(our_output)
            os.close(our_input)

    def open(self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        """A tab that has loaded `url`, in a window of that many CSS pixels; the one before it is closed."""
        if self._target:
            self.call("Target.closeTarget", {"targetId": self._target})
        self._target = target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            self.call(f"{domain}.enable", {}, session)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", {"features": scheme}, session)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", size, session)
        page.loaded = False  # about:blank was
        self.call("Page.navigate", {"url": url}, session)
        deadline = time.monotonic() + _PATIENCE
        while not page.loaded:
            self._dispatch(self._next(deadline))
        return page

    def call(self, method: str, parameters: dict[str, Any], session: str = "") -> dict[str, Any]:
        """The result of a command. Events that arrive meanwhile go to their tabs."""
        self._last += 1
        command = {"id": self._last, "method": method, "params": parameters}
        command |= {"sessionId": session} if session else {}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE
        while True:
            message = self._next(deadline)
            if message.get("id") == self._last:
                assert "error" not in message, (method, message["error"])
                result: dict[str, Any] = message["result"]
                return result
            self._dispatch(message)

    def _dispatch(self, event: dict[str, Any]) -> None:
        page = self._pages.get(event.get("sessionId", ""))
        if page is not None and "method" in event:
            page.note(event["method"], event["params"])

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            readable, _, _ = select.select([self._events], [], [], max(0.0, deadline - time.monotonic()))
            assert readable, "Chromium does not answer"
            received = os.read(self._events, 1 << 16)
            assert received, f"Chromium ended with {self._process.poll()}"
            self._unread += received
        message, _, self._unread = self._unread.partition(b"\0")
        read: dict[str, Any] = json.loads(message)
        return read

"""A Chromium without a window that a test uses as a person does: it moves, clicks, drags, types and looks.

Spoken to in the DevTools protocol through two pipes, for which nothing needs to be installed:
https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
OFF = ("gpu", "quic", "background-networking", "component-update", "sync", "extensions", "dev-shm-usage")
PATIENCE = 10  # seconds until a browser that does not answer is given up


def chromium():
    """The browser's name; skips the test where there is none."""
    found = next((name for name in NAMES if shutil.which(name)), None)
    if found is None:
        pytest.skip("no Chromium on this machine (kanexp/report/README.md says how to get one)")
    return found


def _high(number):
    """The same file under a number that is not 3 or 4."""
    other = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(number)
    return other


class Browser:
    """One page in a browser of its own, and what it said and tried to fetch."""

    def __init__(self, folder, name):
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        read, self._out = map(_high, os.pipe())
        self._in, write = map(_high, os.pipe())
        words = [name, "--headless", "--no-sandbox", "--no-first-run", *(f"--disable-{what}" for what in OFF)]
        words += ["--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}", "about:blank"]
        # The protocol's pipes are the browser's numbers 3 and 4, whatever their numbers are here: bash, since other
        # shells know numbers of one digit alone.
        shell = ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "sh", *words]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(shell, pass_fds=(read, write), **quiet)
        os.close(read)
        os.close(write)
        self._number, self._bytes, self._session = 0, b"", None
        self.errors, self.requests = [], []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def close(self):
        with contextlib.suppress(OSError):
            os.close(self._out)
        with contextlib.suppress(OSError):
            os.close(self._in)
        self._process.terminate()
        self._process.wait()

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._hear(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def _next(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._bytes:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self._in, 2**16)
            assert more, "the browser has ended"
            self._bytes += more
        text, self._bytes = self._bytes.split(b"\0", 1)
        return json.loads(text)

    def _hear(self, event):
        what = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(what["exceptionDetails"].get("exception", {}).get("description", "an exception"))
        if event.get("method") == "Log.entryAdded" and what["entry"]["level"] == "error":
            self.errors.append(what["entry"]["text"])
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])

    def open(self, address, width=1400, height=1000):
        """Show a page at this size, and wait until its scripts ran."""
        self.resize(width, height)
        self.call("Page.navigate", url="about:blank")
        self.errors.clear(), self.requests.clear()
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && typeof report === 'object' && !!report")

    def resize(self, width, height=1000):
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.call("Emulation.setDeviceMetricsOverride", mobile=False, **size)

    def run(self, code):
        """The value of an expression in the page."""
        done = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"].get("exception", {}).get("description", code)
        return done["result"].get("value")

    def wait(self, code):
        """Until an expression in the page is true."""
        end = time.monotonic() + PATIENCE
        while not self.run(code):
            assert time.monotonic() < end, f"never true: {code}"
            time.sleep(0.02)

    def place(self, element):
        """The middle of an element, an expression, after it was scrolled to."""
        self.run(f"({element}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = f"(box => [box.left + box.width / 2, box.top + box.height / 2])(({element}).getBoundingClientRect())"
        return self.run(box)

    def _mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def hover(self, element):
        x, y = self.place(element)
        self._mouse("mouseMoved", x - 2, y - 1)
        self._mouse("mouseMoved", x, y)

    def click(self, element):
        self.hover(element)
        x, y = self.place(element)
        for kind in ("mousePressed", "mouseReleased"):
            self._mouse(kind, x, y, button="left", clickCount=1)

    def drag(self, start, end):
        """From one point of the window to another."""
        self._mouse("mousePressed", *start, button="left", buttons=1, clickCount=1)
        for part in (0.3, 0.7, 1):
            at = [a + part * (b - a) for a, b in zip(start, end, strict=True)]
            self._mouse("mouseMoved", *at, button="left", buttons=1)
        self._mouse("mouseReleased", *end, button="left", clickCount=1)

    def type(self, element, text):
        """Text instead of what a field holds."""
        self.click(element)
        self.run(f"({element}).select()")
        if text:
            self.call("Input.insertText", text=text)
        else:
            for kind in ("keyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key="Delete", code="Delete", windowsVirtualKeyCode=46)

    def choose(self, element, value):
        """An option of a menu, whose list a browser without a window does not open."""
        code = f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('change')); return e.value }})"
        assert self.run(f"{code}({element})") == value

    def download(self, element):
        """What a click hands out: the file's name and text."""
        before = set(self.downloads.iterdir())
        self.click(element)
        end = time.monotonic() + PATIENCE
        while not (new := [f for f in set(self.downloads.iterdir()) - before if f.suffix != ".crdownload"]):
            assert time.monotonic() < end, "nothing was handed out"
            self.run("0")
            time.sleep(0.02)
        text = new[0].read_text("utf-8")
        new[0].unlink()
        return new[0].name, text

    def picture(self, file, whole=True):
        """A PNG of the page."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        file.write_bytes(base64.b64decode(shot))

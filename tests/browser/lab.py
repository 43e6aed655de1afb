"""A JupyterLab of its own on a free loopback port, shared by all workers of one test session.

Owns the server process: the first worker that asks starts it, the last one that ends stops it. All that Jupyter writes
lies in the session's temporary folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import Any

from attrs import frozen

from tests.support.places import ROOT

TOKEN = "tests"
MOST_LOOKS, BETWEEN_LOOKS = 1200, 0.05
"""How often, and how many seconds apart, it is looked whether a Lab answers; it takes some three seconds."""
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
"""Every cell stands in the page, seen or not; nothing asks the network."""


@frozen
class Address:
    """Where a Lab answers, which process it is, and where its notebooks lie."""

    port: int
    process: int
    folder: Path

    def url(self, path: str) -> str:
        """The address of a page of it."""
        return f"http://127.0.0.1:{self.port}/{path}?token={TOKEN}"


@contextmanager
def shared_lab(folder: Path) -> Iterator[Address]:
    """The Lab of a test session whose workers share `folder`."""
    folder.mkdir(exist_ok=True)
    with _locked(folder) as book:
        if not book.get("users"):
            book.update(_start(folder))
        book["users"] = book.get("users", 0) + 1
        address = Address(book["port"], book["process"], folder / "notebooks")
    try:
        yield address
    finally:
        with _locked(folder) as book:
            book["users"] -= 1
            if not book["users"]:
                with suppress(ProcessLookupError):  # somebody else has ended it
                    os.killpg(address.process, signal.SIGTERM)


@contextmanager
def _locked(folder: Path) -> Iterator[dict[str, Any]]:
    """What the workers know of the Lab, for one of them at a time."""
    path = folder / "lab.json"
    with (folder / "lab.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        book: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        yield book
        path.write_text(json.dumps(book))


def _start(folder: Path) -> dict[str, int]:
    """Start a Lab and wait until it answers."""
    for name, settings in SETTINGS.items():
        path = folder / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    (folder / "notebooks").mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    with (folder / "lab.log").open("w") as log:
        lab = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"),
                *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"),
                *(f"--ServerApp.root_dir={folder / 'notebooks'}", "--LabApp.extension_manager=readonly"),
                f"--LabApp.user_settings_dir={folder / 'settings'}",
            ],
            env={**os.environ, **own, "IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": _python_path()},
            stdout=log, stderr=log, cwd=folder, start_new_session=True,
        )  # fmt: skip
    address = Address(port, lab.pid, folder)
    for _ in range(MOST_LOOKS):
        if lab.poll() is not None or _answers(address):
            break
        Event().wait(BETWEEN_LOOKS)
    assert lab.poll() is None and _answers(address), (folder / "lab.log").read_text()
    return {"port": port, "process": lab.pid}


def _python_path() -> str:
    """The kernel imports what the tests import."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


def _answers(address: Address) -> bool:
    try:
        with urllib.request.urlopen(address.url("api"), timeout=5):
            return True
    except OSError:
        return False

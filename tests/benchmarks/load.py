"""Many people on one server: sessions that change pages, trainings beside them, and memory.

    python -m tests.benchmarks.load [--sessions 40] [--training 4] [--reruns 10000] [--pace 0]

Every session is a WebSocket that speaks Streamlit's protocol, so no browser takes the processor.
It opens pages at random with its own run chosen, again as soon as one is drawn (or after up to
`--pace` seconds), and repeats fragments when the page asks for it, as a browser does. The Train
button of the first sessions starts the trainings. Printed are the answers with their duration,
exceptions, addresses with the run of another session, and the memory of the server and of all its
processes over the reruns.
"""

import argparse
import asyncio
import random
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks import browsing
from vae.commands import main as vae_lab
from vae.dashboard.navigation import TABLE
from vae.runs import Run

PATIENCE = 120  # seconds for the answer to a rerun
PAGES = [Path(file).stem for pages in TABLE.values() for file in pages.values()]
SAMPLE = 200  # reruns between two readings of memory


@dataclass
class Findings:
    """Everything that the sessions saw."""

    wanted: int
    sent: int = 0
    fragments: int = 0
    seconds: list[float] = field(default_factory=list)  # from a rerun to its answer
    wrong: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[int, float, float]] = field(default_factory=list)  # reruns, MB, MB


class Session:
    """One tab: a connection, the widgets of its page and its fragments."""

    def __init__(self, number: int, url: str, findings: Findings) -> None:
        self.run, self.url, self.findings = f"person-{number:02d}", url, findings
        self.page, self.widgets = "", {}
        self.repeats: dict[str, asyncio.Task[None]] = {}
        self.finished = asyncio.Event()
        self.socket: ClientConnection

    async def live(self, trains: bool, pace: float) -> None:
        """Open pages until the wanted number of reruns was sent."""
        origin = self.url.replace("ws", "http", 1)
        address = f"{self.url}/_stcore/stream"
        options: Any = {"subprotocols": ["streamlit", "none"], "origin": origin}
        async with connect(address, max_size=None, **options) as self.socket:
            reader = asyncio.create_task(self._read())
            chance = random.Random(self.run)
            await self.rerun("train")
            if trains:
                await self.rerun("train", press=self.widgets.get("Train"))
            while self.findings.sent < self.findings.wanted:
                await self.rerun(chance.choice(PAGES))
                await asyncio.sleep(pace * chance.random())
            reader.cancel()
            for task in self.repeats.values():
                task.cancel()

    async def rerun(self, page: str, press: str | None = None) -> None:
        """Open a page, or press a button of it, and wait for the answer."""
        found, self.page = self.findings, page
        self.finished.clear()
        found.sent += 1
        start = time.perf_counter()
        await self._send(press=press)
        try:
            await asyncio.wait_for(self.finished.wait(), PATIENCE)
            found.seconds.append(time.perf_counter() - start)
        except TimeoutError:
            found.wrong[f"no answer within {PATIENCE} s from {page}"] += 1

    async def _send(self, fragment: str = "", press: str | None = None) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.page_name, state.query_string = self.page, f"run={self.run}"
        if fragment:
            state.fragment_id, state.is_auto_rerun = fragment, True
        if press:
            state.widget_states.widgets.add(id=press, trigger_value=True)
        await self.socket.send(message.SerializeToString())

    async def _read(self) -> None:
        async for frame in self.socket:
            message = ForwardMsg()
            message.ParseFromString(frame if isinstance(frame, bytes) else frame.encode())
            getattr(self, f"_{message.WhichOneof('type')}", lambda message: None)(message)

    def _new_session(self, message: ForwardMsg) -> None:
        for task in self.repeats.values():
            task.cancel()
        self.repeats.clear()

    def _delta(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        if element.WhichOneof("type") == "exception":
            self.findings.wrong[f"exception: {element.exception.message[:200]}"] += 1
        if element.WhichOneof("type") == "button":
            self.widgets[element.button.label] = element.button.id

    def _page_info_changed(self, message: ForwardMsg) -> None:
        runs = parse_qs(message.page_info_changed.query_string).get("run", [self.run])
        if any(run.startswith("person-") and run != self.run for run in runs):
            self.findings.wrong["the run of another session in the address"] += 1

    def _script_finished(self, message: ForwardMsg) -> None:
        if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            self.finished.set()

    def _auto_rerun(self, message: ForwardMsg) -> None:
        asked = message.auto_rerun
        if asked.fragment_id not in self.repeats:
            again = self._again(asked.fragment_id, asked.interval)
            self.repeats[asked.fragment_id] = asyncio.create_task(again)

    async def _again(self, fragment: str, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            self.findings.fragments += 1
            await self._send(fragment)


async def watch(server: psutil.Process, findings: Findings) -> None:
    """Note the memory of the server and of all its processes every so many reruns."""
    due = 0
    while True:
        if findings.sent >= due:
            own, every = server.memory_info().rss / 1e6, 0.0
            for process in [server, *server.children(recursive=True)]:
                with suppress(psutil.Error):
                    every += process.memory_info().rss / 1e6
            findings.memory.append((findings.sent, own, every))
            due = findings.sent + SAMPLE
        await asyncio.sleep(0.5)


async def crowd(url: str, server: psutil.Process, args: argparse.Namespace) -> Findings:
    """All sessions at once."""
    findings = Findings(args.reruns)
    watching = asyncio.create_task(watch(server, findings))
    people = [Session(k, url, findings) for k in range(args.sessions)]
    ended = await asyncio.gather(
        *(person.live(k < args.training, args.pace) for k, person in enumerate(people)),
        return_exceptions=True,
    )
    for error in (each for each in ended if isinstance(each, BaseException)):
        findings.wrong[f"connection: {error!r:.200}"] += 1
    watching.cancel()
    return findings


def begin(root: Path, sessions: int) -> None:
    """Train one small run, and copy it for each session."""
    train = ["train", "--data", "digits", "--epochs", "2"]
    vae_lab([*train, "--run", "person-00", "--root", str(root)])
    first = Run(root / "person-00")
    for k in range(1, sessions):
        subprocess.run(["cp", "-r", first.path, root / f"person-{k:02d}"], check=True)


def end_trainings(root: Path) -> None:
    """Stop every run at work, and wait for its end."""
    for run in (Run(path) for path in root.iterdir() if path.is_dir()):
        if run.status().active:
            vae_lab(["stop", run.name, "--root", str(root)])
            while run.status().active:
                time.sleep(0.2)


def show(findings: Findings, root: Path) -> None:
    """Print everything that was found."""
    seconds = np.array(findings.seconds)
    half, most = np.percentile(seconds, [50, 95])
    print(f"{findings.sent} reruns, {len(seconds)} answered, {findings.fragments} fragments")
    print(f"answer after {half:.2f} s (median), {most:.2f} s (95 %), {seconds.max():.2f} s (most)")
    for reruns, own, every in findings.memory:
        print(f"  after {reruns:6d} reruns: server {own:6.0f} MB, all processes {every:6.0f} MB")
    states = Counter(Run(path).status().state for path in root.iterdir() if path.is_dir())
    print("runs:", ", ".join(f"{count} {state}" for state, count in states.items()))
    for fault, count in findings.wrong.most_common() or [("nothing went wrong", 0)]:
        print(f"{count:6d}  {fault}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--training", type=int, default=4, help="sessions that press Train")
    parser.add_argument("--reruns", type=int, default=10_000)
    parser.add_argument("--pace", type=float, default=0.0, help="most seconds between two pages")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        begin(root, args.sessions)
        try:
            with browsing.server(root) as server:
                url = server.url.replace("http", "ws", 1)
                show(asyncio.run(crowd(url, psutil.Process(server.process.pid), args)), root)
        finally:
            end_trainings(root)


if __name__ == "__main__":
    main()

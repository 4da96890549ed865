"""Threads that share the tasks of a round; each runs torch's operations on one thread.

An operation of torch releases Python's lock, so the threads compute at the same time. Threads that
wait sleep: they take no time from other processes, unlike threads that spin at barriers. A free
thread takes the next task, and a late one finds none. So a busy core delays one task at most.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from queue import SimpleQueue
from typing import Any

import torch

Answer = tuple[int, Any, BaseException | None]  # task, result, error


class Crew:
    """The calling thread and some helpers."""

    def __init__(self, helpers: int) -> None:
        self.helpers = helpers
        self.orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        ready: SimpleQueue[None] = SimpleQueue()
        for _ in range(helpers):
            threading.Thread(target=self._help, args=(ready,), daemon=True).start()
        for _ in range(helpers):
            ready.get()

    def _help(self, ready: "SimpleQueue[None]") -> None:
        torch.set_num_threads(1)
        torch.set_grad_enabled(False)
        ready.put(None)
        while True:
            self.orders.get()()

    def share(self, task: Callable[[int], Any], count: int) -> list[Any]:
        """Return [task(0), …, task(count − 1)]; raises the error of a task that failed."""
        if count == 1 or not self.helpers:
            return [task(k) for k in range(count)]
        waiting = list(reversed(range(count)))
        answers: SimpleQueue[Answer] = SimpleQueue()

        def work() -> None:
            while waiting:
                try:
                    k = waiting.pop()
                except IndexError:  # another thread has just taken the last task
                    return
                answers.put(_answer(task, k))

        for _ in range(min(self.helpers, count - 1)):
            self.orders.put(work)
        work()
        return _in_order([answers.get() for _ in range(count)])


def _answer(task: Callable[[int], Any], k: int) -> Answer:
    try:
        return k, task(k), None
    except BaseException as error:  # raised in the calling thread
        return k, None, error


def _in_order(answers: list[Answer]) -> list[Any]:
    for _, _, error in answers:
        if error is not None:
            raise error
    return [result for _, result, _ in sorted(answers, key=lambda answer: answer[0])]


@cache
def crew_of(threads: int) -> Crew:
    """Return the crew of this process with so many threads, the calling one included."""
    before = torch.get_num_threads()
    try:
        return Crew(threads - 1)
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Run torch's operations on one thread inside the block, without a graph."""
    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        if before != 1:
            torch.set_num_threads(before)

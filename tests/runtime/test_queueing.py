from __future__ import annotations

import threading
import time

import pytest

from pulmoscan.runtime.queueing import FairQueue


def wait_until_queued(queue: FairQueue, number: int) -> None:
    deadline = time.monotonic() + 10
    while len(queue._waiting) < number:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_one_at_a_time() -> None:
    queue = FairQueue()
    inside = most = 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(200):
            with queue:
                inside += 1
                most = max(most, inside)
                time.sleep(0)
                inside -= 1

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert most == 1
    assert inside == 0


def test_in_the_order_of_arrival() -> None:
    queue = FairQueue()
    order: list[int] = []

    def work(number: int) -> None:
        with queue:
            order.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    with queue:
        for number, worker in enumerate(workers):
            worker.start()
            wait_until_queued(queue, number + 1)
    for worker in workers:
        worker.join(30)
    assert order == list(range(12))


def test_an_error_ends_the_turn() -> None:
    queue = FairQueue()
    with pytest.raises(ZeroDivisionError), queue:
        _ = 1 / 0
    with queue:
        pass


class Interrupted:
    """A lock whose second acquisition, the wait, is cut off as by Ctrl-C."""

    def __init__(self) -> None:
        self.acquired = 0
        self.released = False

    def acquire(self) -> bool:
        self.acquired += 1
        if self.acquired == 2:
            raise KeyboardInterrupt
        return True

    def release(self) -> None:
        self.released = True


def test_who_gives_up_waiting_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = FairQueue()
    with queue:
        monkeypatch.setattr(threading, "Lock", Interrupted)
        with pytest.raises(KeyboardInterrupt), queue:
            pass
        monkeypatch.undo()
        assert not queue._waiting
    assert not queue._taken


def test_who_gives_up_just_when_the_turn_comes_hands_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = FairQueue()

    class InterruptedLate(Interrupted):
        def acquire(self) -> bool:
            if self.acquired == 1:
                queue.__exit__(None, None, None)  # the one before hands over in this very moment
            return super().acquire()

    queue.__enter__()
    monkeypatch.setattr(threading, "Lock", InterruptedLate)
    with pytest.raises(KeyboardInterrupt), queue:
        pass
    assert not queue._taken

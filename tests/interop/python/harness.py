"""Runs cases and reports each in a line: `ok`, case, seconds; or `failed`, case, seconds, why. Fields end with tabs.

A program is started with the broker's address and the names of the cases to run; none means all of them.
"""

import sys
import threading
import time
import traceback

# How long anything may take that a case waits for, in seconds.
PATIENCE = 60

CASES = {}


def case(name):
    """Makes a function a case. It is called with the broker's address."""

    def add(function):
        CASES[name] = function
        return function

    return add


def main():
    address, *names = sys.argv[1:]
    failures = 0
    for name in names or CASES:
        begun = time.monotonic()
        try:
            CASES[name](address)
            verdict, why = "ok", ""
        except BaseException as error:  # what ends a thread or the program is a failure like others
            traceback.print_exc()
            verdict, why = "failed", f"\t{type(error).__name__}: {error}".replace("\n", " ")
            failures += 1
        print(f"{verdict}\t{name}\t{time.monotonic() - begun:.2f}{why}", flush=True)
    sys.exit(1 if failures else 0)


def wait_until(what, condition):
    """Waits until a condition holds, and says what was awaited where it does not."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} within {PATIENCE} s"
        time.sleep(0.02)


class Member(threading.Thread):
    """A consumer in a thread of its own: opened, polled and closed there.

    `make` gives an object with poll(), assignment() and close(); poll() gives (partition, offset, value) triples.
    """

    def __init__(self, make):
        super().__init__(daemon=True)
        self.make = make
        self.records = []
        self.assigned = frozenset()
        self.changes = 0
        self.ending = threading.Event()
        self.error = None
        self.start()

    def run(self):
        try:
            consumer = self.make()
            while not self.ending.is_set():
                self.records.extend(consumer.poll())
                assigned = frozenset(consumer.assignment())
                self.changes += assigned != self.assigned
                self.assigned = assigned
            consumer.close()
        except BaseException as error:
            traceback.print_exc()
            self.error = error

    def stop(self):
        """Ends it in order, and waits until it has."""
        self.ending.set()
        self.join(PATIENCE)
        assert not self.is_alive(), "a consumer closes"
        if self.error:
            raise self.error

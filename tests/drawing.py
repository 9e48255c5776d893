"""Draws from torch's global generator that go on beside a test."""

import threading
from contextlib import contextmanager

import torch


@contextmanager
def drawing_all_the_time():
    ends = threading.Event()

    def draw():
        while not ends.is_set():
            torch.rand(1)

    other = threading.Thread(target=draw)
    other.start()
    try:
        yield
    finally:
        ends.set()
        other.join()

import threading

import numpy as np
import pytest
import torch

from skopdist._device import isolated_generators, one_thread, resolve_device, resolve_precision


def test_devices():
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    for bad in ("toaster", "cpu:x"):
        with pytest.raises(ValueError, match=rf"device must be 'auto' or a device of torch.*got '{bad}'"):
            resolve_device(bad)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there():
    with pytest.raises(ValueError, match=r"device='cuda:1' was asked for, but torch finds no CUDA device; use 'auto'"):
        resolve_device("cuda:1")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({"avx2": True}, "float32"),
        (None, "float32"),
    ],
)
def test_images_take_bfloat16_where_the_cpu_multiplies_it(monkeypatch, capabilities, expected):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    if capabilities is not None:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert resolve_precision("auto", "cpu", 2) == expected


def test_precisions():
    assert resolve_precision("bfloat16", "cpu", 0) == "bfloat16"
    assert resolve_precision("float32", "cuda", 2) == "float32"
    assert resolve_precision("auto", "cpu", 1) == "float32"
    assert resolve_precision("auto", "cuda", 0) == "float32"
    with pytest.raises(ValueError, match=r"precision must be 'auto', 'float32' or 'bfloat16', got 'float8'"):
        resolve_precision("float8", "cpu", 2)


def test_generators_come_back_even_after_an_error(untouched_generators):
    def fail():
        with isolated_generators("cpu"):
            np.random.rand(3)  # noqa: NPY002
            torch.rand(3)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match=r"stop"):
        fail()


def test_threads_come_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_threads_that_overlap_leave_the_generators_alone(untouched_generators):
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()

    def first():
        with isolated_generators("cpu"):
            torch.manual_seed(1)
            np.random.rand(3)  # noqa: NPY002
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    def second():
        first_is_in.wait(10)
        with isolated_generators("cpu"):
            torch.manual_seed(2)
            second_is_in.set()
            first_is_out.wait(10)

    workers = [threading.Thread(target=target) for target in (first, second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

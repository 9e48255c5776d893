import threading

import numpy as np
import pytest
import torch

from skopdist._device import DrawnFrom, isolated_generators, one_thread, resolve_devices, resolve_precision


def test_devices():
    assert resolve_devices("cpu") == ("cpu",)
    assert resolve_devices("auto") == ("cuda" if torch.cuda.is_available() else "cpu",)
    assert resolve_devices(["cpu", "cpu:0"]) == ("cpu", "cpu:0")
    assert resolve_devices(("cpu", "cpu")) == ("cpu", "cpu")
    assert resolve_devices(torch.device("cpu")) == ("cpu",)


@pytest.mark.parametrize("device", ["mps", "xpu", "meta", torch.device("meta"), ["cpu", "vulkan"]])
def test_devices_that_are_not_supported(device):
    with pytest.raises(ValueError, match=r"device='(mps|xpu|meta|vulkan)' is not supported; networks run on 'cpu' and"):
        resolve_devices(device)


@pytest.mark.parametrize("bad", ["toaster", "cpu:x", ["cpu", "toaster"], ["auto"], [None]])
def test_unknown_devices(bad):
    with pytest.raises(ValueError, match=r"device must be 'auto', a device of torch.*or a list of at least one, got "):
        resolve_devices(bad)


@pytest.mark.parametrize("bad", [[], (), None, 0, {"cpu"}])
def test_what_names_no_device(bad):
    with pytest.raises(ValueError, match=r"or a list of at least one, got "):
        resolve_devices(bad)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("device", ["cuda:1", ["cpu", "cuda:1"]])
def test_a_device_that_is_not_there(device):
    with pytest.raises(ValueError, match=r"device='cuda:1' was asked for, but torch finds no CUDA device; use 'auto'"):
        resolve_devices(device)


def test_cuda_devices_are_counted_and_not_started(monkeypatch):
    def start():
        raise AssertionError("CUDA was started")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "_lazy_init", start)
    assert resolve_devices(["cuda:0", "cuda:1"]) == ("cuda:0", "cuda:1")
    assert resolve_devices("auto") == ("cuda",)
    with pytest.raises(ValueError, match=r"device='cuda:2' was asked for, but torch finds 2 CUDA device"):
        resolve_devices(["cuda:0", "cuda:2"])


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


def test_precisions():
    assert resolve_precision("bfloat16", "cpu", 0) == "bfloat16"
    assert resolve_precision("float32", "cuda", 2) == "float32"
    assert resolve_precision("auto", "cpu", 1) == "float32"
    assert resolve_precision("auto", "cuda", 0) == "float32"


DRAWS = {
    "rand": lambda: torch.rand(3, 2),
    "randn": lambda: torch.randn(4),
    "randint": lambda: torch.randint(9, (5,)),
    "randint from": lambda: torch.randint(3, 9, (5,)),
    "randperm": lambda: torch.randperm(7),
    "normal_": lambda: torch.empty(3).normal_(),
    "bernoulli": lambda: torch.full((9,), 0.5).bernoulli(),
    "trunc_normal_": lambda: torch.nn.init.trunc_normal_(torch.empty(5)),
    "orthogonal_": lambda: torch.nn.init.orthogonal_(torch.empty(3, 3)),
    "module": lambda: torch.nn.Conv1d(3, 4, 5).weight,
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_are_those_of_the_seed_whoever_else_draws(draw):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = draw()
        with DrawnFrom(3):
            # As another thread might.
            torch.manual_seed(4)
            found = draw()
    assert torch.equal(found, expected)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("is_training", [True, False])
def test_dropout_that_takes_no_generator(probability, is_training):
    """That of GPUs, in one go."""

    def drop(seed):
        x = torch.ones(500, requires_grad=True)
        with DrawnFrom(3):
            torch.manual_seed(seed)
            value, kept = torch.native_dropout(x, probability, is_training)
        value.sum().backward()
        return value, kept, x.grad

    with torch.random.fork_rng():
        value, kept, slope = drop(1)
        assert torch.equal(value, drop(2)[0])
    share = 1.0 if is_training is False else 1 - probability
    assert float(kept.float().mean()) == pytest.approx(share, abs=0.1)
    torch.testing.assert_close(value, kept / share if share else torch.zeros(500))
    torch.testing.assert_close(slope, value.detach())

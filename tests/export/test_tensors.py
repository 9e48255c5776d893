"""The format of safetensors, beside the library of that name."""

import json

import numpy as np
import pytest

from skopdist.export._tensors import read_tensors, write_tensors

ARRAYS = {
    "weights": np.arange(6, dtype=np.float32).reshape(2, 3),
    "statistics": np.array([1e300, -0.0, np.inf, np.nan]),
    "counts": np.array([2**62, -1]),
    "big": np.array(2**64 - 1, dtype=np.uint64),
    "pixels": np.arange(3, dtype=np.uint8),
    "flags": np.array([[True], [False]]),
    "half": np.ones(2, dtype=np.float16),
    "nothing": np.empty((0, 4), dtype=np.int32),
}
TEXTS = {"name": "Ärger", "json": "{}"}


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_come_back_and_can_be_written_to(tmp_path):
    write_tensors(tmp_path / "a", ARRAYS, TEXTS)
    arrays, texts = read_tensors(tmp_path / "a")
    same(arrays, ARRAYS)
    assert texts == TEXTS
    arrays["weights"][0] = 1


def test_memory_in_another_order_and_another_byte_order(tmp_path):
    write_tensors(tmp_path / "a", {"x": np.arange(6.0).reshape(2, 3).T, "y": np.arange(3, dtype=">i4")}, {})
    arrays, _ = read_tensors(tmp_path / "a")
    np.testing.assert_array_equal(arrays["x"], np.arange(6.0).reshape(2, 3).T)
    np.testing.assert_array_equal(arrays["y"], np.arange(3))


def test_the_library_reads_what_is_written(tmp_path):
    library = pytest.importorskip("safetensors")
    write_tensors(tmp_path / "a", ARRAYS, TEXTS)
    with library.safe_open(tmp_path / "a", "numpy") as file:
        same({name: file.get_tensor(name) for name in file.keys()}, ARRAYS)
        assert file.metadata() == TEXTS


def test_what_the_library_writes_is_read(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    library.save_file(ARRAYS, tmp_path / "a", TEXTS)
    arrays, texts = read_tensors(tmp_path / "a")
    same(arrays, ARRAYS)
    assert texts == TEXTS


@pytest.mark.parametrize("dtype", ["c16", "M8[s]", "U3", "O"])
def test_other_types_are_refused(dtype, tmp_path):
    with pytest.raises(TypeError, match="'x' is of type"):
        write_tensors(tmp_path / "a", {"x": np.zeros(2, dtype)}, {})
    assert not (tmp_path / "a").exists()


def test_no_part_of_a_file_is_taken_for_all(tmp_path):
    write_tensors(tmp_path / "a", ARRAYS, TEXTS)
    data = (tmp_path / "a").read_bytes()
    for n in range(0, len(data), 7):
        (tmp_path / "b").write_bytes(data[:n])
        with pytest.raises(ValueError, match=r"cut|JSON"):
            read_tensors(tmp_path / "b")
    (tmp_path / "b").write_bytes(data + b"more")
    with pytest.raises(ValueError, match="added"):
        read_tensors(tmp_path / "b")


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("[]", "no mapping"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"a":1,"a":1}', "twice"),
        ({"a": 1}, "describes no arrays"),
        ({"a": {}}, "describes no arrays"),
        ({"a": entry("PICKLE")}, "describes no arrays"),
        ({"a": entry(shape=(-1,))}, "not behind"),
        ({"a": entry(shape=(1.0,))}, "not behind"),
        ({"a": entry(shape=(2,))}, "another number of bytes"),
        ({"a": entry(shape=(2**62, 8))}, "another number of bytes"),
        ({"a": entry(offsets=(4, 8))}, "not behind"),
        ({"a": entry(offsets=(0, 400))}, "was cut"),
        ({"a": entry(), "b": entry()}, "not behind"),
        ({"__metadata__": {"a": 1}}, "something else than texts"),
    ],
)
def test_headers_that_do_not_fit(header, message, tmp_path):
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    (tmp_path / "a").write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(ValueError, match=message):
        read_tensors(tmp_path / "a")

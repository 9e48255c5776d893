import gzip
import math

import pytest

from skopdist.tables._records import collect, csv_records, find_file


def parse(record):
    if record["op"] not in "abc":
        raise ValueError(f"unknown operation {record['op']!r}")
    return (record["op"],)


def rows(*pairs):
    return [(f"line {i}", {"op": op, "acc": acc}) for i, (op, acc) in enumerate(pairs, start=2)]


def test_gives_one_mapping_for_each_column():
    records = [("line 2", {"op": "a", "acc": "1.5", "cost": 2}), ("line 3", {"op": "b", "acc": 3, "cost": "4"})]
    assert collect(records, parse, ["acc", "cost"]) == {
        "acc": {("a",): 1.5, ("b",): 3.0},
        "cost": {("a",): 2, ("b",): 4},
    }


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (("z", "1"), "line 3: unknown operation 'z'"),
        (("a", "1"), "line 3: repeats the architecture a of line 2"),
        (("b", "nan"), "line 3: acc is missing or NaN"),
        (("b", ""), "line 3: acc is missing or NaN"),
        (("b", None), "line 3: acc is missing or NaN"),
        (("b", "inf"), "line 3: acc is infinite"),
        (("b", "much"), "line 3: acc is 'much'; expected a number"),
    ],
)
def test_refuses_a_bad_row_with_its_place_and_the_reason(bad, reason):
    with pytest.raises(ValueError, match=reason):
        collect(rows(("a", "1"), bad), parse, ["acc"])


def test_refuses_a_table_with_missing_rows():
    with pytest.raises(ValueError, match="2 architectures have no row, the first of them b"):
        collect(rows(("a", "1")), parse, ["acc"], expected=[("a",), ("b",), ("c",)])


def test_a_partial_table_leaves_out_what_is_missing_and_nothing_else():
    records = rows(("a", "1"), ("b", "nan"))
    numbers = collect(records, parse, ["acc"], expected=[("a",), ("b",), ("c",)], on_missing="nan")
    assert numbers == {"acc": {("a",): 1.0}}
    for bad in (("z", "1"), ("a", "1"), ("b", "inf")):
        with pytest.raises(ValueError, match="line 3"):
            collect(rows(("a", "1"), bad), parse, ["acc"], on_missing="nan")


def test_refuses_an_empty_table_and_an_unknown_way():
    with pytest.raises(ValueError, match="holds no architecture"):
        collect(rows(("a", math.nan)), parse, ["acc"], on_missing="nan")
    with pytest.raises(ValueError, match="on_missing must be 'raise' or 'nan', got 'zero'"):
        collect([], parse, ["acc"], on_missing="zero")


def test_reads_plain_and_gzipped_files(tmp_path):
    text = "op,acc\na,1\nb,2\n"
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("t.csv", "t.csv.gz"):
        assert list(csv_records(tmp_path / name, ["acc"])) == [
            (f"{name}, line 2", {"op": "a", "acc": "1"}),
            (f"{name}, line 3", {"op": "b", "acc": "2"}),
        ]
        with pytest.raises(ValueError, match="has no column 'params'"):
            list(csv_records(tmp_path / name, ["params"]))


def test_finds_a_file_by_its_path_its_folder_and_the_environment(tmp_path, monkeypatch):
    (tmp_path / "nas").mkdir()
    file = tmp_path / "nas" / "t.csv"
    file.touch()
    assert find_file(file, "nas/t.csv", "") == file
    assert find_file(str(tmp_path), "nas/t.csv", "") == file
    assert find_file(tmp_path / "nas", "nas/t.csv", "") == file
    monkeypatch.setenv("SKOPDIST_DATA", str(tmp_path))
    assert find_file(None, "nas/t.csv", "") == file


def test_says_where_a_missing_file_comes_from(tmp_path, monkeypatch):
    for given in (tmp_path, tmp_path / "t.csv"):
        with pytest.raises(FileNotFoundError, match=r"There is no file .*t\.csv\. It is made of clay\."):
            find_file(given, "nas/t.csv", "It is made of clay.")
    monkeypatch.delenv("SKOPDIST_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"SKOPDIST_DATA is not set.*holds nas/t\.csv\. It is made of clay\."):
        find_file(None, "nas/t.csv", "It is made of clay.")

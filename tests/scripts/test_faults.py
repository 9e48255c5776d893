import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the script needs POSIX")


def test_faults_are_counted_by_kind_and_workers(script, tmp_path):
    faults = script("faults")
    rows = script("_common").Rows(tmp_path / "rows.jsonl", faults.KEYS)
    for case, promised in enumerate((True, False)):
        rows.add(fault="killed", n_jobs=2, case=case, on_record=3 * case, as_promised=promised)
    rows.add(fault="MemoryError", n_jobs=1, case=0, as_promised=True)
    _, _, *lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in faults.fault_table(rows).splitlines()]
    assert lines == [["killed", "2", "2", "1", "0 to 3"], ["MemoryError", "1", "1", "1", ""]]


@pytest.mark.slow
def test_a_fault_of_each_kind(script, tmp_path):
    faults = script("faults")
    path = tmp_path / "rows.jsonl"
    # A process of its own, since it forks.
    command = [sys.executable, faults.__file__, "--quick", "--kills", "2", "--results", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert {row["fault"] for row in rows} == {"killed", "disk full", "final training fails", *faults.REASONS}
    assert all(row["as_promised"] for row in rows)

"""The fidelity ledger is kept honest: each test that it names exists."""

import re
from pathlib import Path

HERE = Path(__file__).parent
LEDGER = (HERE.parent / "FIDELITY.md").read_text("utf-8")


def test_every_test_that_the_ledger_names_exists():
    defined = {f.name: set(re.findall(r"^def (test_\w+)", f.read_text("utf-8"), re.M)) for f in HERE.glob("test_*.py")}
    everywhere = set().union(*defined.values())
    for file, name in re.findall(r"`(?:(test_\w+\.py)|…)?(?:::)?(test_\w+)?`", LEDGER):
        assert not file or file in defined, file
        assert not name or name in (defined[file] if file else everywhere), f"{file}::{name}"
    assert len(re.findall(r"`[^`]*test_\w+`", LEDGER)) > 40


def test_every_line_of_the_tables_names_a_test_or_refers_to_one():
    lines = [line for line in LEDGER.splitlines() if line.startswith("| ")]
    for line in lines:
        shown = line.rstrip("| ").rsplit("|", 1)[-1]
        assert "test_" in shown or "the same" in shown or "shown by" in shown, line

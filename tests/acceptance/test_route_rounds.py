"""Stages change and programs are killed at random moments: the bounded form of `tests/bench/migration.py`."""

import importlib.util
import sys
from pathlib import Path

ROUNDS = Path(__file__).parents[1] / "bench" / "migration_rounds.py"


def test_no_file_is_sent_by_both_sides_or_by_neither(tmp_path):
    """Each record arrives once, by one side, however stages change and whatever is killed meanwhile."""
    spec = importlib.util.spec_from_file_location("migration_rounds", ROUNDS)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.Rounds(tmp_path, seed=17) as rounds:
        figures = rounds.play(4)
    assert (figures.sent_by_both, figures.sent_by_neither, figures.lost, figures.twice, figures.held) == (0, 0, 0, 0, 0)
    assert figures.by_monolith + figures.by_service == figures.files >= 12

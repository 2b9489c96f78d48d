"""The levels that are built, named without the stages."""

import subprocess
import sys

from poc.pipeline.capabilities import LINE
from poc.pipeline.levels import HIGHEST_LEVEL


def test_the_highest_level_is_that_of_the_last_capability():
    """A capability that is added raises it."""
    assert max(capability.since for capability in LINE) == HIGHEST_LEVEL


def test_naming_the_levels_imports_no_stage():
    """Commands that judge and report ask for the highest level only, and are a third faster for it."""
    code = (
        "import sys, poc.pipeline.levels; print(*sorted({'polars', 'sqlalchemy', 'poc.stages.check'} & {*sys.modules}))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "\n"

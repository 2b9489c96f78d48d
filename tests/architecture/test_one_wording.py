"""Each style of number, date and status is written in one place, and English text uses the words of the glossary."""

import re
from pathlib import Path

import pytest

from roadmap.wording.verdicts import STATUS, VERDICT

ROOT = Path(__file__).parents[2]
ROOMS = ("milepost", "poc", "metrics", "roadmap", "dashboard")

#: A style: what its maker looks like in the code, and the only modules where it may stand.
STYLES = {
    "a day: 12 Jan 2013": (
        r"%-?d %b|:%b|%b %Y",
        {"metrics/day_text.py", "dashboard/charts/layout.py", "poc/onboarding/temporal.py"},
    ),
    "a percentage: 60%": (r"\* 100\b.*%[\"']|f\"[^\"]*\}%", {"roadmap/wording/numbers.py", "poc/route/stages.py"}),
    "a percentage with a blank: 60 %": (r"[0-9}] %(?![a-zA-Z0-9(.])", set()),
}


def sources(pattern="*.py"):
    """Return the text of every file of the product by its path, the monolith's apart."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob(pattern))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths if "monolith" not in path.parts}


@pytest.mark.parametrize("style", STYLES)
def test_a_style_has_one_maker(style):
    """Numbers and dates look alike everywhere because one function writes each."""
    pattern, allowed = STYLES[style]
    found = {}
    for path, text in sources().items():
        code = re.sub(r'""".*?"""', "", text, flags=re.DOTALL)  # comments and docstrings may give examples
        lines = [line.partition("#")[0].strip() for line in code.split("\n")]
        if lines := [line for line in lines if re.search(pattern, line)]:
            found[path] = lines
    assert {path: lines for path, lines in found.items() if path not in allowed} == {}


def test_a_status_text_stands_once():
    """What a status or a verdict is called stands in `roadmap/wording/verdicts.py` alone."""
    texts = {text for text in (*STATUS.values(), *VERDICT.values()) if " " in text and text != "not started"}
    again = {
        path: sorted(text for text in texts if f'"{text}"' in source)
        for path, source in (sources() | sources("*.html")).items()
        if path != "roadmap/wording/verdicts.py"
    }
    assert {path: found for path, found in again.items() if found} == {}

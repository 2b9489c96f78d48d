"""Each style of number, date and status is written in one place, and English text uses the words of the glossary."""

import re
from pathlib import Path

import pytest

from roadmap.wording.verdicts import STATUS, VERDICT

ROOT = Path(__file__).parents[2]
ROOMS = ("milepost", "poc", "metrics", "roadmap", "dashboard")

#: A style: what its maker looks like in the code, and the only modules where it may stand.
STYLES = {
    "a day as 12 Jan 2013": (r"%-?d %b|:%b|\} \{[a-z_.]+:%b", {"metrics/text.py", "dashboard/charts/layout.py"}),
    "a percentage": (r"\* ?100[,:}).]*[^\n]*%[\"'}]|f\"[^\"]*\}%", {"roadmap/wording/numbers.py"}),
    "a percentage with a blank": (r"\d %(?![a-zA-Z(])|\} %(?![a-zA-Z(=])", set()),
    "a rate of every 1,000": (r"of every 1,000\"", {"roadmap/wording/numbers.py"}),
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
        code = re.sub(r'""".*?"""|#.*', "", text, flags=re.DOTALL if '"""' in text else 0)
        code = "\n".join(re.sub(r"#.*", "", line) for line in re.sub(r'""".*?"""', "", text, flags=re.DOTALL).split("\n"))
        if lines := [line.strip() for line in code.split("\n") if re.search(pattern, line)]:
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

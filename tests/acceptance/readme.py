"""Write the milestone table between the README's markers: `python tests/acceptance/readme.py`."""

import re
from pathlib import Path

from roadmap.plan.loader import load_plan
from roadmap.report.verdict_text import plan_markdown

ROOT = Path(__file__).parents[2]
MARKED = re.compile(r"(<!-- milestones: begin[^>]*-->\n).*?(<!-- milestones: end -->)", re.DOTALL)


def written(text: str) -> str:
    """The README with the table as the roadmap's template gives it now."""
    table = plan_markdown(load_plan(ROOT / "roadmap" / "milestones.toml")).strip()
    return MARKED.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(written(readme.read_text("utf-8")), "utf-8")

"""Write the milestone table between the README's markers: `python tests/acceptance/readme.py`."""

import re
from pathlib import Path

from metrics.measures.registry import MEASURES
from roadmap.plan.loader import load_plan
from roadmap.plan.milestones import Plan, Target
from roadmap.wording.dates import day
from roadmap.wording.verdicts import target_text

ROOT = Path(__file__).parents[2]
MARKED = re.compile(r"(<!-- milestones: begin[^>]*-->\n).*?(<!-- milestones: end -->)", re.DOTALL)


def plan_table(plan: Plan) -> str:
    """Return a plan as a Markdown table, without any result: what each milestone must prove, and by when."""
    rows = [("Milestone", "What for", "When", "Proven by"), ("---",) * 4]
    for milestone in plan.milestones:
        when = f"{day(milestone.start)} to {day(milestone.due)}"
        goals = "<br>".join(_goal(target) for target in milestone.metrics)
        rows.append((f"{milestone.code} {milestone.title}", milestone.objective, when, goals))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _goal(target: Target) -> str:
    measure = MEASURES[target.name]
    faults = {"none": " (without faults)", "stress": " (in the stress series)"}.get(target.faults, "")
    return f"{measure.title}: {target_text(target.direction, target.value, measure.unit)}{faults}"


def written(text: str) -> str:
    """Return the README with the table of the roadmap's template."""
    table = plan_table(load_plan(ROOT / "roadmap" / "milestones.toml"))
    return MARKED.sub(lambda match: f"{match[1]}{table}\n{match[2]}", text)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(written(readme.read_text("utf-8")), "utf-8")

"""How many rounds the stress series takes: `python tests/bench/stress_rounds.py [--cases N] [--rounds 5,8,10,12,15]`.

The program measures no service. For each number of rounds it draws the plans of faults of the milestone's weeks, counts
the exchanges that meet a fault and the outages, and simulates what a service of a given true rate would make of them.
The functions of the product then judge, at the end of every week from the least number of blocks on.

Printed are the odds of "met": for `recovered_unattended`, whose target is a share of 0.95, at a true 0.95 (at most
alpha), 0.97, 0.99 and 1.0; for `wasted_calls`, whose target is 5 calls an hour, at a true 5 (at most alpha), 4.5, 4
and 2. "independent": every exchange recovers or not by itself. "lumpy": the exchanges of a week are alike, so that
their design effect is 3, as when a fault of the service depends on the files of a week; so are the calls of a week.
"""

from __future__ import annotations

import argparse
import tomllib
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from metrics.measures.failure_rates import clusters, deciding_range
from metrics.measures.resilience import outage_error, outage_risk
from metrics.replay.fault_plan import read_faults
from metrics.replay.input_files import BLOCKS, block_range
from metrics.replay.workload import build_rounds
from metrics.stats.quantiles import t_quantile
from roadmap.plan.milestones import Plan
from roadmap.plan.template import replay_template

TRUE_SHARES = (0.95, 0.97, 0.99, 1.0)
TRUE_CALLS = (5.0, 4.5, 4.0, 2.0)
LUMPY_EFFECT = 3.0
HOURS = 24


def main() -> None:
    """Print one table for each measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=4000, help="simulated series for each number")
    parser.add_argument("--rounds", default="5,8,10,12,15", help="numbers of rounds to try")
    options = parser.parse_args()
    numbers = [int(number) for number in options.rounds.split(",")]
    milestone = Plan.model_validate(tomllib.loads(replay_template())).milestone("M4")
    rules = milestone.evidence
    first_days = [block_range(block)[0] for block in range(BLOCKS)]
    weeks = [n for n, first in enumerate(first_days) if milestone.start <= first <= milestone.due]
    failures, outages, fixed = plans_of(max(numbers), weeks)
    rng = np.random.default_rng(2013)
    print(f"{milestone.code}: {len(weeks)} weeks, alpha {rules.alpha}, {rules.mode}, {options.cases} simulated series")
    distinct = [
        [len(set().union(*(plan[n] for plan in outages[:rounds]))) for n in range(len(weeks))] for rounds in numbers
    ]
    met_by = [failures[:rounds].sum(axis=0).astype(int) for rounds in numbers]
    for title, what, per_weeks, truths, simulate in (
        ("recovered_unattended, at least 0.95", "exchanges with a fault", met_by, TRUE_SHARES, share_met),
        ("wasted_calls, at most 5 an hour", "outages", distinct, TRUE_CALLS, calls_met),
    ):
        print(f"\n{title}: odds of met at a true")
        print(f"{'rounds':>6}  {what:>22}  {'losses':<11}" + "".join(f"{truth:>8}" for truth in truths))
        for rounds, per_week in zip(numbers, map(np.array, per_weeks), strict=True):
            for kind, effect in (("independent", 1.0), ("lumpy", LUMPY_EFFECT)):
                odds = [simulate(rng, per_week, truth, effect, rules, options.cases) for truth in truths]
                row = f"{rounds:>6}  {per_week.sum():>22,}  {kind:<11}" + "".join(f"{share:>8.3f}" for share in odds)
                print(row + ("   fixed" if rounds == fixed else ""))


def plans_of(rounds: int, weeks: list[int]):
    """Return the exchanges with a fault per round and week, the outages, and the number of rounds that is fixed."""
    failures, outages = np.zeros((rounds, len(weeks))), []
    rates = resources.files("metrics.replay") / "faults-stress.toml"
    with TemporaryDirectory() as folder, resources.as_file(rates) as path:
        fixed = read_faults(path)["rounds"]
        for number, load in build_rounds(Path(folder), path, "stress", BLOCKS, range(1, rounds + 1)).items():
            days: list[set[tuple[str, str]]] = [set() for _ in weeks]
            for file in load.files:
                if file.block not in weeks:
                    continue
                week, day = weeks.index(file.block), file.arrives.isoformat()
                slots = load.plan["faults"].get(f"{file.partner}/{file.feed}/{file.name}", {})
                is_down = day in load.plan["down"][file.partner]
                # a copy of a file meets no fault: it is known by its bytes, and not sent
                if not file.original and (is_down or any("1" in sends for sends in slots.values())):
                    failures[number - 1, week] += 1
                if is_down:
                    days[week].add((file.partner, day))
            outages.append(days)
    return failures, outages, fixed


def share_met(rng, per_week, truth, effect, rules, cases) -> float:
    """Return the share of series in which the share of recovered exchanges is met at one of the looks."""
    met = 0
    alike = (effect - 1) / max(per_week.mean() - 1, 1.0)
    for _ in range(cases):
        if effect > 1 and truth < 1:
            strength = 1 / alike - 1
            shares = rng.beta(truth * strength, (1 - truth) * strength, per_week.size)
        else:
            shares = np.full(per_week.size, truth)
        recovered = rng.binomial(per_week.astype(int), shares).astype(float)
        for blocks in range(rules.min_blocks, per_week.size + 1):
            side = {"recovered": recovered[None, :blocks], "passing": per_week[None, :blocks].astype(float)}
            counted = clusters(side, "recovered", of="passing", own_draws=True)
            if counted and deciding_range(counted, rules.alpha, rules.mode)[0] >= TRUE_SHARES[0]:
                met += 1
                break
    return met / cases


def calls_met(rng, per_week, truth, effect, rules, cases) -> float:
    """Return the share of series in which the calls per hour of an outage are met at one of the looks."""
    met = 0
    weeks = np.repeat(np.arange(per_week.size), per_week)
    alike = (effect - 1) / max(per_week.mean() - 1, 1.0)
    for _ in range(cases):
        # calls vary as much as they number; a week's common part makes up the share `alike` of their variance
        common = rng.normal(0.0, (alike * HOURS * truth) ** 0.5, per_week.size)[weeks]
        calls = np.maximum(common + rng.normal(HOURS * truth, ((1 - alike) * HOURS * truth) ** 0.5, weeks.size), 0.0)
        for blocks in range(rules.min_blocks, per_week.size + 1):
            rates = (calls / HOURS)[weeks < blocks]
            names = [str(week) for week in weeks[weeks < blocks]]
            error = outage_error(rates, np.full(rates.size, float(HOURS)), names)
            risk = outage_risk(rules.alpha, rules.mode, rates.size)
            if rates.mean() + error * t_quantile(1 - risk, rates.size - 1) <= TRUE_CALLS[0]:
                met += 1
                break
    return met / cases


if __name__ == "__main__":
    main()

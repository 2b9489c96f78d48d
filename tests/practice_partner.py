"""A real partner for tests: the practice partner as a process of its own, with a plan of faults, on a free port."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Practice:
    """A running practice partner and its stored deliveries."""

    url: str
    keep: Path

    def held(self, namespace: str, partner: str = "UA") -> list[dict[str, Any]]:
        """Return the records of a namespace in the order of their arrival."""
        path = self.keep / namespace / partner / "flights.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def today(self, day: str) -> None:
        """Set the partner's current day."""
        request = urllib.request.Request(f"{self.url}/-/today", day.encode(), method="PUT")
        urllib.request.urlopen(request, timeout=60).close()


@pytest.fixture
def start_partner(tmp_path):
    """A function that starts a partner with a plan of faults; all partners end with the test."""
    started = []

    def start(plan: dict[str, Any] | None = None) -> Practice:
        file = tmp_path / "plan.json"
        file.write_text(json.dumps(plan or {}))
        keep = tmp_path / f"keep-{len(started)}"
        process = subprocess.Popen(
            [sys.executable, "-m", "poc.practice_partner", "--plan", str(file), "--keep", str(keep)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        return Practice(json.loads(process.stdout.readline())["ready"], keep)

    yield start
    for process in started:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()

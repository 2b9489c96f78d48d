"""The milestone files of new workspaces."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from importlib import resources


def replay_template() -> str:
    """Return the milestones of the proof of concept, in the year of its replay."""
    return (resources.files("roadmap") / "milestones.toml").read_text("utf-8")


def live_template(day: date) -> str:
    """Return the milestones of a workspace in production, dates moved so that the first one starts on a day."""
    text = (resources.files("roadmap") / "milestones-live.toml").read_text("utf-8")
    first: date = min(milestone["start"] for milestone in tomllib.loads(text)["milestone"])

    def moved(match: re.Match[str]) -> str:
        return str(day + (date.fromisoformat(match[0]) - first))

    return re.sub(r"\b2013-\d\d-\d\d\b", moved, text)

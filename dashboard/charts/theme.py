"""Colours, type and strokes of the charts, the same tokens as in the style sheet."""

from __future__ import annotations

#: The tokens of static/milepost.css that a chart uses; a test holds the two together.
PALETTES = {
    "light": {
        "ink": "#14191D", "muted": "#566069", "grid": "#E4E8EB", "axis": "#AEB7BE", "band": "#F5F7F9",
        "surface": "#FFFFFF", "service": "#0067A3", "baseline": "#6B7177", "target": "#B34700", "plan": "#C9DFEC",
        "unbuilt": "#E6E9EC",
    },
    "dark": {
        "ink": "#E9EDF0", "muted": "#A4AFB8", "grid": "#272F36", "axis": "#56616A", "band": "#181E23",
        "surface": "#101417", "service": "#6BB8F0", "baseline": "#9AA3AD", "target": "#F0A24A", "plan": "#21485F",
        "unbuilt": "#2C343B",
    },
}  # fmt: skip

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'

STYLES = {
    "service": {"width": 2.5, "dash": "solid"},
    "baseline": {"width": 2, "dash": "dash"},
    "target": {"width": 1.5, "dash": "dashdot"},
}

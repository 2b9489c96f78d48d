"""Take the README's screenshot of a running dashboard: `python tests/browser/screenshot.py URL OUT.png`.

1280 pixels wide, light, from the top of the page to the end of the first chart.
"""

from __future__ import annotations

import sys

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip


def take(url: str, out: str) -> None:
    """Open the page, wait until its charts are drawn, and write the picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.goto(url)
        page.wait_for_selector(".js-plotly-plot .main-svg")
        first = page.locator("figure.plot").first.bounding_box()
        height = round(first["y"] + first["height"]) + 32 if first else 900
        page.screenshot(path=out, full_page=True, clip={"x": 0, "y": 0, "width": 1280, "height": height})
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    take(sys.argv[1], sys.argv[2])

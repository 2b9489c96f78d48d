"""What a browser with an empty cache sees of a page: when the largest text is there, when charts are, what jumps."""

from __future__ import annotations

import statistics

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip

#: Milliseconds that a page is watched, from navigation on.
WATCHED_MS = 4000

WATCH = """
window.saw = { lcp: 0, cls: 0, chart: null };
new PerformanceObserver(list => { for (const one of list.getEntries()) saw.lcp = one.startTime; })
  .observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver(list => { for (const one of list.getEntries()) saw.cls += one.value; })
  .observe({ type: "layout-shift", buffered: true });
const look = () => {
  const all = document.querySelectorAll(".chart[data-figure]");
  const drawn = document.querySelectorAll(".chart.js-plotly-plot .main-svg .scatterlayer .trace");
  if (document.readyState !== "loading" && all.length && drawn.length >= all.length) saw.chart = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def seen(url: str, turns: int) -> dict[str, float]:
    """Medians of `lcp_ms` and `chart_ms`, and the worst `cls`, of so many first views."""
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        for turn in range(turns + 1):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.add_init_script(WATCH)
            page.goto(url)
            page.wait_for_timeout(WATCHED_MS)
            if turn:  # the first is the browser's own beginning
                found.append(page.evaluate("saw"))
            context.close()
        browser.close()
    late = [one for one in found if one["chart"] is None]
    if late:
        raise SystemExit(f"{url}: no charts in {WATCHED_MS / 1000:.0f} s, {len(late)} of {turns} times")
    return {
        "lcp_ms": statistics.median(one["lcp"] for one in found),
        "chart_ms": statistics.median(one["chart"] for one in found),
        "cls": max(one["cls"] for one in found),
    }

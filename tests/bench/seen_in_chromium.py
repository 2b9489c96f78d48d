"""Measure a page in Chromium with an empty cache: largest contentful paint, time to charts, layout shift.

The debugger stays off. Browser drivers switch it on; the browser then keeps a stack for every error that a script
catches, which delays the charts more than any reader sees.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

CHROMIUM = "/usr/bin/chromium"
ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip

#: Seconds for which a page is observed after navigation, and the time-out of the browser's answers.
WATCHED_S, PATIENCE_S = 4.0, 10.0

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


def seen(url: str, turns: int, cookie: str = "") -> dict[str, float]:
    """Return the medians of `lcp_ms` and `chart_ms`, and the largest `cls`, over this many first views.

    `cookie` is sent with each request, as `NAME=VALUE`.

    Raises:
        SystemExit: the page cannot be fetched, or has no charts in time.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        found = [_look(browser, url, cookie) for _ in range(turns + 1)][
            1:
        ]  # the first view includes the start of the browser
        browser.close()
    late = [one for one in found if one["chart"] is None]
    if late:
        raise SystemExit(f"{url}: no charts in {WATCHED_S:.0f} s, {len(late)} of {turns} times")
    return {
        "lcp_ms": statistics.median(one["lcp"] for one in found),
        "chart_ms": statistics.median(one["chart"] for one in found),
        "cls": max(one["cls"] for one in found),
    }


def _look(browser: Browser, url: str, cookie: str) -> dict[str, Any]:
    """Times of one view of a page, in milliseconds."""
    with _page(browser) as ask:
        ask("Page.enable")
        ask("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        ask("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
        if cookie:
            name, _, value = cookie.partition("=")
            ask("Network.setCookie", name=name, value=value, url=url)
        if trouble := ask("Page.navigate", url=url).get("errorText"):
            raise SystemExit(f"{url}: {trouble}")
        time.sleep(WATCHED_S)
        told = ask("Runtime.evaluate", expression="saw", returnByValue=True)
    return told["result"]["value"]


@contextmanager
def _page(browser: Browser) -> Iterator[Callable[..., dict[str, Any]]]:
    """Open a new page with an empty cache, and yield a function that sends it DevTools commands."""
    session, answers, numbers = browser.new_browser_cdp_session(), {}, itertools.count(1)

    def hear(event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            answers[message["id"]] = message

    session.on("Target.receivedMessageFromTarget", hear)
    context = session.send("Target.createBrowserContext")["browserContextId"]
    target = session.send("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
    attached = session.send("Target.attachToTarget", {"targetId": target, "flatten": False})["sessionId"]

    def ask(method: str, **params: object) -> dict[str, Any]:
        number = next(numbers)
        message = json.dumps({"id": number, "method": method, "params": params})
        session.send("Target.sendMessageToTarget", {"sessionId": attached, "message": message})
        until = time.monotonic() + PATIENCE_S
        while number not in answers:
            if time.monotonic() > until:
                raise SystemExit(f"{method}: no answer of the browser in {PATIENCE_S:.0f} s")
            time.sleep(0.01)
            session.send("Browser.getVersion")  # any command lets pending events arrive
        answer = answers.pop(number)
        if "error" in answer:
            raise SystemExit(f"{method}: {answer['error']['message']}")
        return answer["result"]

    try:
        yield ask
    finally:
        session.send("Target.disposeBrowserContext", {"browserContextId": context})
        session.detach()

// Keeps an open page up to date: requests it again with the tag of the shown version, and replaces what has changed. The
// reader's focus, scroll position and opened tables stay.
"use strict";

(() => {
  const EVERY_MS = 5000;
  const main = document.getElementById("main");
  const notice = document.getElementById("unreachable");
  const address = location.pathname + location.search;
  let shown = main.cloneNode(true); // as the server sent it; later scripts change what is on screen
  let tag = "";
  let heardAt = new Date();
  let asking = false;

  const kids = (node) => [...node.childNodes];
  const alike = (one, other) => one.nodeName === other.nodeName && one.id === other.id;
  const scripts = (page) => [...page.querySelectorAll("script[src]")].map((one) => one.getAttribute("src")).join(" ");
  const time = (when) => [when.getHours(), when.getMinutes()].map((part) => `${part}`.padStart(2, "0")).join(":");

  // Returns how many nodes two lists have in common at the beginning.
  const common = (one, other) => {
    let many = 0;
    while (many < Math.min(one.length, other.length) && one[many].isEqualNode(other[many])) many += 1;
    return many;
  };

  // Changes `here`, which shows `before`, to show `after`, and leaves equal nodes alone. The script that draws charts
  // updates them.
  const change = (here, before, after) => {
    if (before.isEqualNode(after) || (here.matches?.(".chart[data-figure]"))) return;
    if (here.nodeType !== Node.ELEMENT_NODE) {
      here.nodeValue = after.nodeValue;
      return;
    }
    for (const { name } of [...before.attributes]) if (!after.hasAttribute(name)) here.removeAttribute(name);
    for (const { name, value } of after.attributes) if (before.getAttribute(name) !== value) here.setAttribute(name, value);
    let [mine, old, next] = [here, before, after].map(kids);
    if (mine.length !== old.length) {
      here.replaceChildren(...next.map((one) => document.importNode(one, true)));
      return;
    }
    const start = common(old, next);
    const end = common(old.slice(start).reverse(), next.slice(start).reverse());
    [mine, old, next] = [mine, old, next].map((list) => list.slice(start, list.length - end));
    if (old.length === next.length && old.every((one, place) => alike(one, next[place]))) {
      mine.forEach((one, place) => change(one, old[place], next[place]));
      return;
    }
    const until = here.childNodes[start + mine.length] ?? null;
    for (const one of mine) one.remove();
    for (const one of next) here.insertBefore(document.importNode(one, true), until);
  };

  // The focused element may be replaced; its successor is found by its path from the top.
  const way = (node) => {
    const steps = [];
    for (let one = node; one !== main; one = one.parentElement) steps.unshift([...one.parentElement.children].indexOf(one));
    return steps;
  };

  const put = (next) => {
    const focused = main.contains(document.activeElement) && document.activeElement !== main ? document.activeElement : null;
    const steps = focused && way(focused);
    const top = scrollY;
    change(main, shown, next);
    shown = next;
    if (focused && !focused.isConnected) {
      steps.reduce((one, step) => one?.children[step], main)?.focus({ preventScroll: true });
    }
    if (scrollY !== top) scrollTo({ top, behavior: "instant" });
    dispatchEvent(new Event("milepost:changed"));
  };

  const say = (text) => {
    if (notice.textContent !== text) notice.textContent = text;
    notice.hidden = !text;
  };

  const take = async (answer) => {
    if (answer.status === 304) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (scripts(page) !== scripts(document)) {
      location.reload(); // another page is here now, with its own scripts
      return;
    }
    tag = answer.headers.get("ETag") ?? "";
    put(page.getElementById("main"));
  };

  const ask = async () => {
    if (document.hidden || asking) return;
    asking = true;
    try {
      const headers = tag ? { "If-None-Match": tag } : {};
      const answer = await fetch(address, { headers, cache: "no-store", signal: AbortSignal.timeout(4 * EVERY_MS) });
      if (answer.ok || answer.status === 304) {
        await take(answer);
        heardAt = new Date();
        say("");
      } else {
        say(`Nothing newer since ${time(heardAt)}: the page cannot be made now (${answer.status}).`);
      }
    } catch {
      say(`Not connected since ${time(heardAt)}; the figures are of then.`);
    } finally {
      asking = false;
    }
  };

  setInterval(ask, EVERY_MS);
  document.addEventListener("visibilitychange", ask);
})();

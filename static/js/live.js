// <body data-live="/stream?…" data-live-feed="/feed?…" data-live-since="ms">: while the page is in view it follows what
// changes. A message becomes an event on the body, such as live:utterances, with detail {topic, …}; panels listen with
// hx-trigger="live:utterances from:body". Without a stream the page asks every few seconds.
const { live, liveFeed, liveSince } = document.body.dataset;
const KINDS = ["utterances", "state", "help", "steps", "presence", "inbox", "queue", "promises", "cards"]; // loaded again when too much was missed
const HIDDEN = 20_000; // ms that a page out of view keeps its stream
const BEGINS = 20_000; // a stream says so at once
const SILENCE = 40_000; // the server gives a sign of life every 15 s
const TRIES = 3;
const POLL = 3_000;
const AGAIN = 60_000; // until a stream is tried once more
const slow = document.getElementById("live-slow");
const seen = new Set(); // the latest ids: what was told twice is heard once
const pages = new BroadcastChannel("live");
let source, last, waiting, watching, hiding, failures = 0, tryStreamAt = 0, isOver = false;

if (live) {
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pagehide", pause);
  window.addEventListener("pageshow", (event) => event.persisted && look());
  // A browser opens only a few connections: of several tabs, the one in view has it.
  pages.addEventListener("message", () => document.hidden && pause());
  look();
}

function look() {
  clearTimeout(hiding);
  if (document.hidden) {
    hiding = setTimeout(pause, HIDDEN);
    return;
  }
  pages.postMessage("in view");
  if (!source && !waiting) follow();
}

function pause() {
  waiting = clearTimeout(waiting);
  close();
}

function close() {
  clearTimeout(watching);
  source?.close();
  source = undefined;
}

function follow() {
  waiting = undefined;
  if (document.hidden || isOver) return;
  if (!window.EventSource) { // taken away by the house's policy
    tryStreamAt = Infinity;
    return ask();
  }
  source = new EventSource(from(live));
  source.addEventListener("message", ({ data }) => take(JSON.parse(data)));
  source.addEventListener("beat", () => {
    failures = 0;
    slow.hidden = true;
    watch(SILENCE);
  });
  source.addEventListener("error", fail);
  watch(BEGINS);
}

function watch(ms) {
  clearTimeout(watching);
  watching = setTimeout(fail, ms);
}

function fail() {
  close();
  failures += 1;
  // Not all pages at the same moment, when it was the server that ended them.
  if (failures < TRIES) later(follow, 500 + 2500 * failures * Math.random());
  else {
    tryStreamAt = Date.now() + AGAIN;
    ask();
  }
}

async function ask() {
  waiting = undefined;
  if (document.hidden || isOver) return;
  if (Date.now() >= tryStreamAt) {
    failures = TRIES - 1;
    follow();
    return;
  }
  slow.hidden = false;
  later(ask, POLL);
  try {
    const answer = await fetch(from(liveFeed), { headers: { "HX-Request": "true" } });
    isOver = [401, 403, 404].includes(answer.status);
    if (answer.ok) {
      const found = await answer.json();
      found.entries.forEach(take);
      last = Math.max(last ?? 0, found.last) || undefined;
    }
  } catch { /* no answer: asked again */ }
  if (isOver) pause();
}

function later(what, ms) {
  clearTimeout(waiting);
  waiting = setTimeout(what, ms);
}

function from(address) {
  const url = new URL(address, location.href);
  url.searchParams.set(...(last ? ["after", last] : ["since", liveSince]));
  return url;
}

function take({ id, kind, ...detail }) {
  last = Math.max(last ?? 0, id) || undefined;
  if (kind === "reload") {
    for (const each of KINDS) say(each, { ...detail, customer: true });
  } else if (!seen.has(id)) {
    seen.add(id);
    if (seen.size > 500) seen.delete(seen.values().next().value);
    say(kind, detail);
  }
}

function say(kind, detail) {
  document.body.dispatchEvent(new CustomEvent(`live:${kind}`, { detail }));
}

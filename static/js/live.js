// data-live="url": follows a stream of server-sent events. An event named "utterance" arrives on the element as
// "live:utterance", so a panel says hx-trigger="live:utterance from:closest [data-live]" and asks for itself anew.
// "live:again" means that events may have been missed: after a pause, a lost connection, or while there is no stream.
const POLL = 5000; // ms between two questions while the stream is down
const streams = new Map();

function follow(element) {
  if (streams.has(element) || document.hidden) return;
  const source = new EventSource(element.dataset.live);
  streams.set(element, source);
  const pass = ({ type, data, lastEventId }) => tell(element, type, { data, id: lastEventId });
  for (const name of (element.dataset.liveEvents ?? "message").split(" ")) source.addEventListener(name, pass);
  source.addEventListener("open", () => { element.dataset.liveState = "on"; });
  source.addEventListener("error", () => {
    element.dataset.liveState = "off";
    if (source.readyState === EventSource.CLOSED) askAgainLater(element);
  });
}

function leave(element) {
  streams.get(element)?.close();
  streams.delete(element);
}

function askAgainLater(element) {
  leave(element);
  setTimeout(() => {
    if (!element.isConnected || document.hidden) return;
    tell(element, "again");
    follow(element);
  }, POLL);
}

function tell(element, name, detail = {}) {
  element.dispatchEvent(new CustomEvent(`live:${name}`, { bubbles: true, detail }));
}

function followAll(within) {
  if (within.matches?.("[data-live]")) follow(within);
  within.querySelectorAll?.("[data-live]").forEach(follow);
}

// A browser opens six connections to a server: a page that nobody looks at gives its own back.
document.addEventListener("visibilitychange", () => {
  for (const element of document.querySelectorAll("[data-live]")) {
    if (document.hidden) leave(element);
    else {
      follow(element);
      tell(element, "again");
    }
  }
});
document.addEventListener("htmx:load", ({ detail }) => followAll(detail.elt));
document.addEventListener("htmx:beforeCleanupElement", ({ target }) => leave(target));
addEventListener("pagehide", () => [...streams.keys()].forEach(leave));
addEventListener("pageshow", () => followAll(document));
followAll(document);

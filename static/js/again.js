// A busy ledger (503) wrote nothing down. The same form, and so the same key, is sent again up to three times, each a
// little later and at another moment than other people's, before anybody is told.
const TIMES = 3;
const tried = new WeakMap();

document.addEventListener("htmx:responseError", (event) => {
  const { xhr, elt } = event.detail;
  const form = elt.closest?.("#gestures form");
  const times = tried.get(form) ?? 0;
  if (xhr.status !== 503 || !form || times >= TIMES) return tried.delete(form);
  tried.set(form, times + 1);
  event.stopImmediatePropagation();
  const wait = Number(xhr.getResponseHeader("Retry-After")) || 2;
  setTimeout(() => form.isConnected && form.requestSubmit(), wait * 1000 * (0.5 + Math.random()));
}, { capture: true });

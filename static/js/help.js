// <div data-help="/interactions/7/help" data-help-talk="interaction:7"> holds the answers that fit what a customer says.
// They are asked for afresh when the customer has spoken, at most once in BURST; only the latest answer counts. What
// still fits keeps its place, and nothing goes while it is pointed at, focused, open or being copied from.
import { settleOn } from "./focus.js";

const BURST = 400; // ms
const WARMING = 2000; // ms until asking again while the search by meaning starts
let asking, timer, askedAt = -BURST, number = 0, waiting = null;
const released = new Set(); // cards and parts in which the agent has just changed something: they show it at once

const pane = () => document.querySelector("[data-help]");
const list = () => pane()?.querySelector("[data-help-last]");
const box = () => document.querySelector(".pane.help .ask input[name=q]");
const isSearching = () => Boolean(box()?.value.trim());

document.body.addEventListener("live:utterances", ({ detail }) => {
  const isNew = !list() || detail.corrected || !detail.last || detail.last > Number(list().dataset.helpLast);
  if (isOurs(detail) && isNew && (detail.customer || detail.last)) ask();
});
document.body.addEventListener("live:help", ({ detail }) => isOurs(detail) && ask());
for (const name of ["customerSaid", "help:changed"]) document.body.addEventListener(name, ask);

document.addEventListener("htmx:afterSwap", () => pane() && markWords());

// The box above looks for something else; emptied, it gives the place back.
document.addEventListener("htmx:configRequest", (event) => {
  if (!pane() || !event.target.matches?.(".pane.help .ask") || isSearching()) return;
  event.preventDefault();
  htmx.trigger(event.target, "htmx:abort");
  load();
});
for (const name of ["pointerout", "focusout", "toggle", "selectionchange"]) {
  document.addEventListener(name, () => waiting && setTimeout(settle), true);
}
document.addEventListener("htmx:afterRequest", ({ detail: { successful, requestConfig, elt } }) => {
  const changed = successful && /\/(help|signals)\/\w+$/.test(requestConfig.path) && elt.closest("[data-article], [data-part]");
  if (changed) released.add(nameOf(changed));
});
if (pane() && !list()) load();

function isOurs(detail) {
  return pane() && (!detail.topic || detail.topic === pane().dataset.helpTalk);
}

function ask() {
  if (!pane() || timer || isSearching()) return;
  timer = setTimeout(load, Math.max(0, askedAt + BURST - performance.now()));
}

async function load() {
  clearTimeout(timer);
  timer = undefined;
  askedAt = performance.now();
  asking?.abort();
  asking = new AbortController();
  const mine = ++number;
  const url = new URL(pane().dataset.help, location.href);
  if (list()) url.searchParams.set("shown", cards(list()).map((card) => card.dataset.article).join(","));
  try {
    const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal: asking.signal });
    if (answer.status === 401) location.reload();
    if (!answer.ok) return;
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    if (mine === number && pane() && !isSearching()) show(holder.content.querySelector("[data-help-last]"));
  } catch { /* aborted, or no answer: the next turn asks again */ }
}

function show(fresh) {
  const old = list();
  waiting = null;
  if (!old) {
    (pane().querySelector("#passages") ?? pane().firstElementChild)?.replaceWith(fresh);
    done(fresh);
    return;
  }
  if (Number(fresh.dataset.helpLast) < Number(old.dataset.helpLast)) return;
  const whole = fresh.cloneNode(true);
  old.dataset.helpLast = fresh.dataset.helpLast;
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const there = old.querySelector(`[data-part="${part.dataset.part}"]`);
    if (there.isEqualNode(part)) continue;
    if (isHeld(there)) waiting = whole;
    else replace(there, part);
  }
  if (showCards(old.querySelector("[data-cards]"), cards(fresh))) waiting = whole;
  released.clear();
  done(old);
}

// Each card in its place; true when one that goes, or another in its place, has to wait.
function showCards(within, fresh) {
  const old = cards(within);
  const stays = (card) => fresh.some((one) => one.dataset.article === card.dataset.article);
  let waits = false;
  const wanted = [];
  for (let place = 0; place < Math.max(fresh.length, old.length); place += 1) {
    const next = fresh[place];
    const there = old[place];
    if (there && isHeld(there) && !stays(there)) {
      waits = true; // it goes once it is left; what comes in its place comes then
      wanted.push(there);
    } else if (next) {
      const same = old.find((one) => one.dataset.article === next.dataset.article);
      if (same && isHeld(same)) {
        waits ||= same.innerHTML !== next.innerHTML;
        wanted.push(same);
      } else wanted.push(next);
    }
  }
  const kept = [...new Set(wanted)];
  const wasHere = within.contains(document.activeElement);
  old.filter((card) => !kept.includes(card)).forEach((card) => card.remove());
  if (wasHere && document.activeElement === document.body) settleOn(within);
  kept.forEach((card, place) => {
    if (cards(within)[place] === card) return;
    const isNew = !card.isConnected;
    within.insertBefore(card, cards(within)[place] ?? null);
    if (isNew) htmx.process(card);
  });
  return waits;
}

function settle() {
  const fresh = waiting;
  if (!fresh || !list() || held().length) return;
  show(fresh);
}

function replace(there, part) {
  const next = document.importNode(part, true);
  const wasHere = there.contains(document.activeElement);
  there.replaceWith(next);
  htmx.process(next);
  if (wasHere) settleOn(next);
}

function done(section) {
  if (!section.isConnected) return;
  if (!section.dataset.begun) htmx.process(section);
  section.dataset.begun = "true";
  markWords();
  if (section.querySelector("[data-help-again]")) setTimeout(ask, WARMING);
  document.body.dispatchEvent(new CustomEvent("help:shown", { detail: { last: Number(section.dataset.helpLast) } }));
}

// The words that were heard, marked where they were said; the turns themselves are left as they are.
function markWords() {
  if (!window.Highlight) return;
  const ranges = [...pane().querySelectorAll("[data-quote]")].map(({ dataset }) => {
    const text = document.getElementById(dataset.shows)?.querySelector("p")?.firstChild;
    const begins = text?.data?.indexOf(dataset.quote) ?? -1;
    if (begins < 0) return undefined;
    const range = new Range();
    range.setStart(text, begins);
    range.setEnd(text, begins + dataset.quote.length);
    return range;
  });
  CSS.highlights.set("heard", new Highlight(...ranges.filter(Boolean)));
}

function cards(within) {
  return [...within.querySelectorAll("[data-article]")];
}

function isHeld(element) {
  const selection = document.getSelection();
  return (
    (element.matches(":hover, :focus-within") && !released.has(nameOf(element))) ||
    Boolean(element.querySelector(":popover-open")) ||
    (!selection.isCollapsed && element.contains(selection.anchorNode))
  );
}

function nameOf({ dataset }) {
  return dataset.article ?? dataset.part;
}

function held() {
  return [...list().querySelectorAll("[data-article], [data-part]")].filter(isHeld);
}

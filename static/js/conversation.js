// The talk on the page: what arrives is put where it was said, and the reader stays where they are.
// #turns holds the turns, each id="turn-ID" data-position; #arrivals takes what the server sends and is emptied into it.
const NEAR = 48; // px from the end that still count as being at the end
let known = 0; // the last id that is here
let asking = false;
let again = null;

document.addEventListener("htmx:load", ({ detail }) => detail.elt.querySelector?.("#turns") && begin());
document.addEventListener("DOMContentLoaded", begin);
if (document.readyState !== "loading") begin();

document.body.addEventListener("live:utterances", ({ detail }) => {
  const card = document.querySelector("#live");
  if (!card || (detail.topic && detail.topic !== `interaction:${card.dataset.interaction}`)) return;
  if (!detail.last || detail.last > known || detail.corrected) ask(detail.corrected ?? "");
});
document.body.addEventListener("talk:said", ({ detail }) => detail.last > known && ask(""));
document.addEventListener("visibilitychange", () => !document.hidden && list() && ask(""));

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id === "arrivals") merge(detail.target);
});

// The earlier turns come in above: what is read stays where it is.
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.target.matches?.(".earlier")) return;
  const turns = list();
  const fromEnd = turns.scrollHeight - turns.scrollTop;
  turns.addEventListener("htmx:afterSettle", () => { turns.scrollTop = turns.scrollHeight - fromEnd; }, { once: true });
});

document.addEventListener("click", (event) => {
  if (event.target.closest(".turns__new")) toEnd();
});

// A sentence of the draft shows the turn that it is from.
for (const type of ["mouseover", "focusin"]) {
  document.addEventListener(type, (event) => {
    const shower = event.target.closest?.("[data-shows]");
    if (!shower) return;
    document.querySelectorAll(".turn.shown").forEach((turn) => turn.classList.remove("shown"));
    const turn = document.getElementById(shower.dataset.shows);
    turn?.classList.add("shown");
    turn?.scrollIntoView({ block: "nearest" });
  });
}

function list() {
  return document.querySelector("#live #turns");
}

function begin() {
  const turns = list();
  if (!turns || turns.dataset.begun) return;
  turns.dataset.begun = "true";
  known = Math.max(0, ...ids(turns));
  turns.scrollTop = turns.scrollHeight;
  turns.addEventListener("scroll", () => isAtEnd(turns) && showNew(0), { passive: true });
}

function ids(within) {
  return [...within.querySelectorAll("[id^='turn-']")].map((turn) => Number(turn.id.slice(5)));
}

async function ask(corrected) {
  if (asking) {
    again = [again, corrected].filter(Boolean).join(",");
    return;
  }
  asking = true;
  const url = new URL(list().dataset.url, location.href);
  url.searchParams.set("after", known);
  if (corrected) url.searchParams.set("corrected", corrected);
  try {
    await htmx.ajax("GET", url.pathname + url.search, { source: "#arrivals", target: "#arrivals", swap: "innerHTML" });
  } finally {
    asking = false;
    const more = again;
    again = null;
    if (more !== null) ask(more);
  }
}

function merge(arrivals) {
  const turns = list();
  const wasAtEnd = isAtEnd(turns);
  let added = 0, heard = 0;
  for (const turn of [...arrivals.children]) {
    const id = Number(turn.id.slice(5));
    const here = [...turns.children].find((one) => one.id === turn.id);
    if (here) {
      here.replaceWith(turn);
    } else if (id > known) {
      turns.insertBefore(turn, [...turns.querySelectorAll(".turn")].find((one) => comesAfter(one, turn)) ?? null);
      added += 1;
      heard += turn.classList.contains("me") ? 0 : 1;
    }
  }
  known = Math.max(known, ...ids(turns));
  arrivals.replaceChildren();
  const button = document.querySelector(".turns__new");
  if (wasAtEnd) toEnd();
  else showNew(Number(button.dataset.number ?? 0) + added);
  document.body.dispatchEvent(new CustomEvent("talk:arrived", { detail: { number: heard } }));
}

function comesAfter(one, turn) {
  return Number(one.dataset.position) > Number(turn.dataset.position);
}

function isAtEnd(turns) {
  return turns.scrollHeight - turns.scrollTop - turns.clientHeight < NEAR;
}

function toEnd() {
  const turns = list();
  turns.scrollTop = turns.scrollHeight;
  showNew(0);
}

function showNew(number) {
  const button = document.querySelector(".turns__new");
  if (!button) return;
  button.dataset.number = number;
  button.hidden = !number;
  button.textContent = `${number} new`;
}

// data-fill="id" data-value="x": a press puts the value into that field.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fill]");
  const field = button && document.getElementById(button.dataset.fill);
  if (!field) return;
  field.value = button.dataset.value;
  field.dispatchEvent(new Event("change", { bubbles: true }));
});

// The talk on the page: what arrives is put where it was said, and the reader stays where they are.
// #turns holds the turns, each id="turn-ID" data-position; #arrivals takes what the server sends and is emptied into it.
import { masked } from "./card_numbers.js";

const NEAR = 48; // px from the end that still count as being at the end
const PAGE = 60; // turns of one answer: with as many as that there may be more
let known = 0; // the last id that is here
let asking = false;
let again = null;
let isBehind = false;
let typed = null;
let pressed = false;

document.addEventListener("htmx:load", ({ detail }) => detail.elt.querySelector?.("#turns") && begin());
document.addEventListener("DOMContentLoaded", begin);
document.querySelector("#open-talks [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
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

// What is typed and not sent stays with its talk while the tab is open: another talk may be looked at meanwhile.
document.addEventListener("input", ({ target }) => target.id === "say-text" && keep(target, target.value));

// What is being typed outlives the card that is put afresh, and the turn before that was still on its way.
document.addEventListener("htmx:beforeSwap", ({ detail: { target, requestConfig, xhr } }) => {
  const box = target.matches?.("#live, #say") && target.querySelector("#say-text");
  if (!box) return;
  const sent = requestConfig.verb === "post" && xhr.status < 400 ? requestConfig.parameters.text ?? "" : "";
  const text = box.value.startsWith(sent) ? box.value.slice(sent.length) : box.value;
  const isNew = text && (xhr.status < 400 || text !== requestConfig.parameters.text);
  if (sent) keep(box, isNew ? text : "");
  typed = isNew ? { text, speaker: document.getElementById("say-speaker").value, pressed } : null;
  pressed = false;
});
document.addEventListener("submit", ({ target }) => {
  if (target.matches("#say.htmx-request")) pressed = true; // while the turn before is on its way: htmx would forget it
}, true);
document.addEventListener("htmx:afterSwap", () => {
  const box = typed && document.getElementById("say-text");
  if (!box) return;
  const { text, speaker, pressed: again } = typed;
  typed = null;
  box.value = text;
  document.getElementById("say-speaker").value = speaker;
  if (again) box.form.requestSubmit();
});

function slot(box) {
  return `unsent:${document.body.dataset.user}:${box.dataset.interaction}`;
}

function keep(box, text) {
  if (text) sessionStorage.setItem(slot(box), masked(text));
  else sessionStorage.removeItem(slot(box));
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
  const box = document.getElementById("say-text");
  if (box && !box.value) box.value = sessionStorage.getItem(slot(box)) ?? "";
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
    if (isBehind) await catchUp();
  } finally {
    asking = false;
    const more = again;
    again = null;
    if (more !== null) ask(more);
  }
}

// So much came at once that the latest of it stands in place of what was here; the rest is above, under "Earlier".
async function catchUp() {
  const turns = list();
  const wasAtEnd = isAtEnd(turns);
  await htmx.ajax("GET", new URL(turns.dataset.url, location.href).pathname, { source: "#turns", target: "#turns", swap: "innerHTML" });
  known = Math.max(known, ...ids(turns));
  if (wasAtEnd) toEnd();
}

function merge(arrivals) {
  const turns = list();
  isBehind = arrivals.children.length >= PAGE;
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

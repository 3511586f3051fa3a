// What htmx takes away with the keyboard on it: the same control of the new piece gets it, else the new piece itself.
let left = null;

const CONTROLS = "a[href], button, summary, input, select, textarea";
const said = (element) => element.tagName + (element.id || element.name || "") + (element.getAttribute("aria-label") ?? element.textContent.trim());

document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
  const at = document.activeElement;
  if (at !== document.body && target.contains(at)) left = { what: said(at), place: target.parentElement };
});

document.addEventListener("htmx:afterSettle", ({ detail: { elt } }) => {
  // Words are saved, or something stands above them: the next keys are no words. htmx put the cursor back by its id.
  if (elt.matches("[data-leave]") && elt.contains(document.activeElement)) return settleOn(elt);
  if (!left?.place.contains(elt)) return;
  const { what } = left;
  left = null;
  if (document.activeElement !== document.body) return;
  const same = [...elt.querySelectorAll(CONTROLS)].find((one) => said(one) === what && one.checkVisibility());
  settleOn(same ?? elt);
});

export function settleOn(element) {
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

// data-scan on a field: what a barcode scanner types anywhere on the page lands in it. A scanner types faster than people
// do, so a first key waits GAP: when a second one follows within it both go into the field, otherwise it is a key as ever.
// So no letter of an order's number presses a button by its shortcut.
const GAP = 45; // ms
const TYPING = 'input:not([type="checkbox"], [type="radio"]), textarea, select';
let held, release;

window.addEventListener("keydown", (event) => {
  const field = document.querySelector("[data-scan]");
  if (!field || !event.isTrusted || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  if (!/^[\p{L}\p{N}#-]$/u.test(event.key) || event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (held) {
    clearTimeout(release);
    field.value = held.key + event.key;
    field.focus();
    held = undefined;
    return;
  }
  held = event;
  release = setTimeout(() => {
    const { key, code, shiftKey, target } = held;
    held = undefined;
    target.dispatchEvent(new KeyboardEvent("keydown", { key, code, shiftKey, bubbles: true, cancelable: true }));
  }, GAP);
}, true);

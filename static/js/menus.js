// Menus open under the button that opens them, and a press of [data-shut] in one shuts it; dialogs open from [data-dialog]
// and shut from [data-close].
document.addEventListener("beforetoggle", (event) => {
  const menu = event.target;
  if (event.newState !== "open" || !menu.matches?.(".menu[popover]")) return;
  requestAnimationFrame(() => place(menu, document.querySelector(`[popovertarget="${menu.id}"]`)));
}, true);

document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details")) placeAgain(event.target);
  if (event.target.matches?.(".menu[popover]")) {
    document.querySelector(`[popovertarget="${event.target.id}"]`)?.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "open" && event.target.matches(".form-menu") && !event.target.contains(document.activeElement)) {
      event.target.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    }
  }
}, true);

document.addEventListener("keydown", (event) => {
  const opened = document.getElementById(event.target.getAttribute?.("popovertarget"));
  const menu = event.target.closest?.(".menu[popover]") ?? (opened?.matches(".menu:popover-open") ? opened : null);
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key) || event.target.matches("input, select, textarea")) return;
  const items = [...menu.querySelectorAll(".menu__item")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  items.at((items.indexOf(document.activeElement) + step) % items.length)?.focus();
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  if (event.target.closest("[data-shut]")) event.target.closest("[popover]")?.hidePopover();
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
  if (event.target.matches("dialog.dialog")) event.target.close(); // the veil around it
  if (event.target.closest("[data-back]")) history.length > 1 ? history.back() : location.assign("/");
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form?.requestSubmit();
});

// A textarea[data-enter] has no lines of its own: Enter presses its form's first button.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.shiftKey || !event.target.matches("textarea[data-enter]")) return;
  event.preventDefault();
  event.target.form.querySelector("button:not([type=button])").click();
});

// A menu whose form was refused comes back open.
function openAgain(within) {
  within.querySelectorAll?.("[popover][data-open]").forEach((menu) => menu.showPopover());
}

openAgain(document);
document.addEventListener("htmx:load", ({ detail }) => openAgain(detail.elt));
// A menu whose content was changed is as large as that now.
document.addEventListener("htmx:afterSettle", ({ detail }) => placeAgain(detail.elt));
document.addEventListener("DOMContentLoaded", focusMistakes);
document.addEventListener("htmx:afterSettle", focusMistakes);

// After a refused form the reader starts at the list of what is wrong.
function focusMistakes(event) {
  const within = event.detail?.elt ?? document;
  within.querySelector?.(".error-summary")?.focus({ preventScroll: event.type === "DOMContentLoaded" });
}

function placeAgain(within) {
  const menu = within.closest?.(".menu[popover]:popover-open");
  if (menu) place(menu, document.querySelector(`[popovertarget="${menu.id}"]`));
}

const GAP = 6; // px between a button and its menu

function place(menu, button) {
  if (!button) return;
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + GAP + height <= innerHeight;
  menu.style.top = `${Math.max(8, below ? at.bottom + GAP : at.top - GAP - height)}px`;
  menu.style.left = `${Math.max(8, at.left < innerWidth / 2 ? at.left : at.right - width)}px`;
}

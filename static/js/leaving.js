// form[data-warn]: the browser asks before unsaved changes are lost.
const changed = new Set();

document.addEventListener("input", ({ target }) => {
  const form = target.closest?.("form[data-warn]");
  if (form) changed.add(form);
});

for (const name of ["submit", "reset"]) document.addEventListener(name, ({ target }) => changed.delete(target));

window.addEventListener("beforeunload", (event) => {
  if ([...changed].some((form) => form.isConnected)) event.preventDefault();
});

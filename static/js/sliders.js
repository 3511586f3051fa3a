// <output for="id"> says the value of the slider with that id; [data-value] in its form is marked while the slider stands on it.
document.addEventListener("input", ({ target }) => {
  if (target.type !== "range") return;
  for (const output of document.querySelectorAll(`output[for="${target.id}"]`)) output.value = `${target.value} %`;
  for (const ready of target.form.querySelectorAll("[data-value]")) {
    if (ready.dataset.value === target.value) ready.setAttribute("aria-current", "true");
    else ready.removeAttribute("aria-current");
  }
});

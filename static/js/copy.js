// data-copy="text" copies the text; data-copy="#id" copies what that element says.
import { toast } from "./toasts.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const wanted = button.dataset.copy;
  const source = wanted.startsWith("#") ? document.getElementById(wanted.slice(1)) : null;
  const text = source ? (source.value ?? source.innerText).trim() : wanted;
  try {
    await (navigator.clipboard?.writeText(text) ?? copyTheOldWay(text));
    toast({ kind: "good", title: "Copied", stays: 2000 });
  } catch {
    toast({ kind: "warn", title: "The browser did not let us copy", text: "Select the text and press Ctrl C." });
  }
});

// The clipboard object exists only over https or on this machine; a console in the house may be neither.
function copyTheOldWay(text) {
  const area = Object.assign(document.createElement("textarea"), { value: text });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not copied");
}

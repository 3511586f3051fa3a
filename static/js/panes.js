// Below a desk's width the switcher's links choose what stands beside the conversation; on a phone, what stands alone.
const switcher = document.querySelector(".switcher");
const panes = document.querySelector(".panes");

if (switcher && panes) {
  const alone = matchMedia("(max-width: 719px)");
  const first = () => show(location.hash.slice(1) || (alone.matches ? "what" : "help")) || show("what");
  first();
  alone.addEventListener("change", first);

  switcher.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (!link) return;
    event.preventDefault();
    show(link.hash.slice(1));
    window.scrollTo(0, 0);
  });
}

function show(name) {
  if (!document.getElementById(name)?.matches(".pane")) return false;
  panes.dataset.pane = name;
  for (const link of switcher.querySelectorAll("a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  return true;
}

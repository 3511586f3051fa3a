// Below a desk's width the switcher's links are tabs: they choose what stands beside the conversation; on a phone, what
// stands alone. Arrow keys go from one to the next. What comes into a part that is away is counted on its tab.
const switcher = document.querySelector(".switcher");
const panes = document.querySelector(".panes");
const news = new Map(); // the name of a part that is away: how much is new there
const seen = new Set(); // articles that were there while the help was looked at

if (switcher && panes) {
  const alone = matchMedia("(max-width: 719px)");
  const narrow = matchMedia("(max-width: 1099px)");
  const first = () => show(location.hash.slice(1) || (alone.matches ? "what" : "help")) || show("what");
  switcher.setAttribute("role", "tablist");
  for (const tab of tabs()) {
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", tab.hash.slice(1));
  }
  first();
  alone.addEventListener("change", first);
  narrow.addEventListener("change", first);

  switcher.addEventListener("click", (event) => {
    const tab = event.target.closest('a[href^="#"]');
    if (!tab) return;
    event.preventDefault();
    show(tab.hash.slice(1));
    window.scrollTo(0, 0);
  });
  switcher.addEventListener("keydown", (event) => {
    const shown = tabs().filter((tab) => tab.offsetParent);
    const at = shown.indexOf(event.target.closest("a"));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: shown.length - 1 }[event.key];
    if (event.key === " ") event.target.click();
    else if (to === undefined || at < 0) return;
    else {
      const next = shown.at(to % shown.length);
      next.focus();
      next.click();
    }
    event.preventDefault();
  });

  document.body.addEventListener("talk:arrived", ({ detail }) => {
    if (isAway("what")) mark("what", (news.get("what") ?? 0) + detail.number);
  });
  document.body.addEventListener("help:shown", markHelp);
}

function tabs() {
  return [...switcher.querySelectorAll('a[href^="#"]')];
}

function show(name) {
  if (!document.getElementById(name)?.matches(".pane")) return false;
  panes.dataset.pane = name;
  for (const tab of tabs()) {
    const isShown = tab.hash === `#${name}`;
    tab.setAttribute("aria-selected", isShown);
    tab.tabIndex = isShown ? 0 : -1;
  }
  if (name === "help") markHelp();
  else mark(name, 0);
  return true;
}

function markHelp() {
  const articles = [...panes.querySelectorAll("#help [data-article]")].map((card) => card.dataset.article);
  if (!isAway("help")) articles.forEach((article) => seen.add(article));
  mark("help", articles.filter((article) => !seen.has(article)).length);
}

function isAway(name) {
  return !document.getElementById(name).checkVisibility();
}

function mark(name, number) {
  news.set(name, number);
  const badge = tabs().find((tab) => tab.hash === `#${name}`)?.querySelector(".badge");
  if (!badge) return;
  badge.hidden = !number;
  badge.firstChild.data = number;
}

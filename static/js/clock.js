// <time data-since> counts up, <time data-until> counts down, <time data-ago> is said as a person would.
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const lang = document.documentElement.lang || "en";
const timeZone = document.documentElement.dataset.zone; // the server writes its times in it too
const near = new Intl.RelativeTimeFormat(lang, { numeric: "auto", style: "narrow" });
const thisYear = new Intl.DateTimeFormat(lang, { timeZone, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
const otherYear = new Intl.DateTimeFormat(lang, { timeZone, day: "numeric", month: "short", year: "numeric" });
const whole = new Intl.DateTimeFormat(lang, { timeZone, dateStyle: "full", timeStyle: "short" });

function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-since]")) say(time, clock((now - Date.parse(time.dataset.since)) / 1000));
  for (const time of document.querySelectorAll("time[data-until]")) {
    const left = (Date.parse(time.dataset.until) - now) / 1000;
    say(time, clock(left));
    time.classList.toggle("text-bad", left < MINUTE);
    if (left <= 0 && !time.dataset.over) {
      time.dataset.over = "yes";
      time.dispatchEvent(new CustomEvent("over", { bubbles: true })); // for hx-trigger="over from:find time"
    }
  }
}

function tellTimes(within) {
  for (const time of within.querySelectorAll?.("time[data-ago]") ?? []) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = whole.format(at);
    say(time, words(at));
  }
}

function words(at) {
  const ago = (Date.now() - at) / 1000;
  if (ago >= 0 && ago < MINUTE) return "just now";
  if (ago >= 0 && ago < HOUR) return near.format(-Math.floor(ago / MINUTE), "minute");
  if (ago >= 0 && ago < 12 * HOUR) return near.format(-Math.floor(ago / HOUR), "hour");
  if (Math.abs(ago) < 300 * DAY) return thisYear.format(at);
  return otherYear.format(at);
}

function clock(seconds) {
  const left = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(left / HOUR), Math.floor((left % HOUR) / MINUTE)];
  return hours ? `${hours}:${two(minutes)}:${two(left % MINUTE)}` : `${two(minutes)}:${two(left % MINUTE)}`;
}

function say(time, text) {
  if (time.textContent !== text) time.textContent = text;
}

tick();
tellTimes(document);
setInterval(tick, 1000);
setInterval(() => tellTimes(document), 60_000);
document.addEventListener("htmx:load", ({ detail }) => { tick(); tellTimes(detail.elt); });

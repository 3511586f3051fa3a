"""How soon help is there after a customer's turn is stored: python -m bench.helping DATABASE_URL [--json] [--turns 60]

Starts the shipped server over a copy of a demo shop (SQLite, `flask demo load`). At the server: from the answer to the
turn's POST, sent when it is committed, to the answer with the help pane, asked for at once. In a browser: two windows
of one agent, the turn sent from one, until the other shows help that knows of it; this includes the live stream, the
merging of bursts, the search and the drawing. No words are said twice, so no question is answered from memory.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

from bench.serving import TOKEN, Client, Running, server

SHOWS = """last => new Promise(resolve => {
  const knows = () => Number(document.querySelector("[data-help-last]")?.dataset.helpLast ?? 0) >= last;
  if (knows()) return resolve(Date.now());
  document.body.addEventListener("help:shown", function shown() {
    if (knows()) { document.body.removeEventListener("help:shown", shown); resolve(Date.now()); }
  });
})"""
SAY = """async ([talk, text]) => {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const sent = Date.now();
  const answer = await fetch(`/interactions/${talk}/utterances`, {
    method: "POST", headers: { "X-CSRFToken": token, "HX-Request": "true" },
    body: new URLSearchParams({ speaker: "customer", text }),
  });
  const said = JSON.parse(answer.headers.get("HX-Trigger"))["talk:said"];
  return [sent, Date.now(), said.last];
}"""
THINGS = ("lamp", "candle", "rug", "table", "mirror", "vase", "shelf", "chair", "cushion", "blanket")
ASKED = (
    "My {} arrived broken, what can you do?",
    "How long does a refund for the {} take?",
    "Can I return the {} without the box?",
    "I was charged twice for the {}.",
    "The parcel with the {} never came although it says delivered.",
    "Can the {} be sent to another address?",
    "Is the guarantee of the {} still good?",
)


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="plusone-bench-") as folder:
        copy = Path(folder, "plusone.db")
        shutil.copyfile(urlsplit(options.database).path[1:], copy)
        with server(f"sqlite:///{copy}") as running:
            lines = [at_the_server(running, options)]
            if not options.no_browser:
                lines.append(in_a_browser(running, options))
    for line in lines:
        print(json.dumps(line) if options.json else "  ".join(f"{name} {value}" for name, value in line.items()))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.helping", description=__doc__)
    parser.add_argument("database", help="sqlite:///… with the demo shop, at rest; it is copied")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--pause", type=float, default=0.8, help="seconds between two turns")
    parser.add_argument("--email", default="maya@larchandlantern.example")
    parser.add_argument("--password", default="lantern-demo-1")
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def words(turns: int) -> Iterator[str]:
    for number in range(turns):
        said = ASKED[number % len(ASKED)].format(THINGS[number // len(ASKED) % len(THINGS)])
        yield f"{said} It is about order {41_000 + 7 * number}."


def at_the_server(running: Running, options: argparse.Namespace) -> dict[str, Any]:
    milliseconds = []
    with Client(running.url) as client:
        client.sign_in(options.email, options.password)
        talk, token = begun(client, 1)
        client.get(f"/interactions/{talk}/help", partial=True)
        for text in words(options.turns):
            client.post(f"/interactions/{talk}/utterances", {"speaker": "customer", "text": text, "csrf_token": token})
            stored = time.perf_counter()
            client.get(f"/interactions/{talk}/help?shown=", partial=True)
            milliseconds.append((time.perf_counter() - stored) * 1000)
            time.sleep(options.pause)
    return {"measured": "stored to answered, server"} | figures(milliseconds)


def begun(client: Client, customer_id: int) -> tuple[str, str]:
    _, page = client.get(f"/customers/{customer_id}")
    found = TOKEN.search(page)
    token = found[1] if found else ""
    client.post(f"/customers/{customer_id}/interactions", {"channel": "chat", "csrf_token": token})
    _, page = client.get(f"/customers/{customer_id}")
    return page.partition('data-interaction="')[2].partition('"')[0], token


def in_a_browser(running: Running, options: argparse.Namespace) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    stored, sent = [], []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto(f"{running.url}/login")
        page.get_by_label("E-mail").fill(options.email)
        page.get_by_label("Password").fill(options.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{running.url}/")
        page.goto(f"{running.url}/customers/2")
        page.get_by_role("button", name="Chat", exact=True).click()
        page.wait_for_selector("[data-help-last]")
        talk = page.locator("#live").get_attribute("data-interaction")
        other = chromium.new_context(storage_state=context.storage_state()).new_page()
        other.goto(f"{running.url}/knowledge")
        for text in words(options.turns):
            began, ended, last = other.evaluate(SAY, [talk, text])
            shown = page.evaluate(SHOWS, last)
            stored.append(float(max(shown - ended, 0)))
            sent.append(float(shown - began))
            time.sleep(options.pause)
        chromium.close()
    line = {"measured": "stored to shown, browser"} | figures(stored)
    return line | {f"sent_{name}": value for name, value in figures(sent).items() if name != "turns"}


def figures(milliseconds: list[float]) -> dict[str, Any]:
    cuts = quantiles(milliseconds, n=20, method="inclusive")
    return {"turns": len(milliseconds), "p50_ms": round(cuts[9], 1), "p95_ms": round(cuts[18], 1)}


if __name__ == "__main__":
    main()

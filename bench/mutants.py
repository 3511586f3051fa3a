"""Do the tests notice when the ledger is broken on purpose?

    make mutants

Each mutant is one replacement in a copy of the tree, followed by the tests that should catch it. The last line says
how many were caught; a mutant that lives on is named, and the command then ends with 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = (".git", ".venv", ".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache", "__pycache__", "data")
PROPERTY, WINDOWS = "tests/property/test_ledger.py", "tests/unit/test_windows.py"
LEDGER, DECIDING = "tests/web/test_gestures_ledger.py", "tests/unit/test_deciding.py"
SEALING, CONDITIONS = "tests/web/test_gestures_sealing.py", "tests/web/test_gestures_conditions.py"
POLICIES, HONOURING = "tests/web/test_policies.py", "tests/web/test_honouring.py"


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


GESTURES, EMPOWERMENT = "console/gestures/", "console/empowerment/"
MUTANTS = (
    Mutant(
        "a cap may be exceeded by one",
        EMPOWERMENT + "deciding.py",
        "and one.used + amount > one.limit.cap\n",
        "and one.used + amount > one.limit.cap + 1\n",
        (DECIDING, PROPERTY),
    ),
    Mutant(
        "a subject's time runs backwards",
        GESTURES + "locking.py",
        "latest: datetime = max(now, waited_for, *(row[0] for row in found))",
        "latest = max(now, waited_for)",
        (LEDGER, PROPERTY),
    ),
    Mutant(
        "days begin at midnight in UTC",
        EMPOWERMENT + "windows.py",
        "datetime.combine(day, time.min, zone).astimezone(UTC)",
        "datetime.combine(day, time.min, UTC)",
        (WINDOWS,),
    ),
    Mutant(
        "exactly so many days ago still counts",
        GESTURES + "usage.py",
        "LedgerEntry.booked_at > start if is_rolling",
        "LedgerEntry.booked_at >= start if is_rolling",
        (LEDGER, PROPERTY),
    ),
    Mutant(
        "the first moment of a day does not count",
        GESTURES + "usage.py",
        "else LedgerEntry.booked_at >= start",
        "else LedgerEntry.booked_at > start",
        (LEDGER, PROPERTY),
    ),
    Mutant(
        "a hold that ran out goes on counting",
        GESTURES + "usage.py",
        "and_(LedgerEntry.state == EntryState.HELD, LedgerEntry.expires_at > now)",
        "LedgerEntry.state == EntryState.HELD",
        (PROPERTY,),
    ),
    Mutant(
        "what is done no longer counts",
        GESTURES + "models.py",
        "SPENT = (EntryState.GRANTED, EntryState.FULFILLED)",
        "SPENT = (EntryState.GRANTED,)",
        (PROPERTY,),
    ),
    Mutant(
        "taking a gesture back lets the customer have another",
        GESTURES + "usage.py",
        "return found if limit.restores else or_(found, LedgerEntry.state == EntryState.REVERSED)",
        "return found",
        (PROPERTY,),
    ),
    Mutant(
        "an approval goes beyond what nobody may exceed",
        GESTURES + "ledger.py",
        "if any(failure.is_final or failure.limit not in allowed for failure in decision.failures):",
        "if approved is None and decision.failures:",
        (PROPERTY,),
    ),
    Mutant(
        "the same key on other terms is taken for a retry",
        GESTURES + "ledger.py",
        "if entry and entry.terms_hash != terms.digest:",
        "if entry and entry.agent_id != terms.agent_id:",
        (LEDGER, PROPERTY),
    ),
    Mutant(
        "what was held is granted though it was paused",
        GESTURES + "ledger.py",
        'stopped = what_stopped(entry, suspended()) if entry.is_held else ""',
        'stopped = ""',
        (CONDITIONS,),
    ),
    Mutant(
        "a hold is granted after its time",
        GESTURES + "ledger.py",
        "if entry.is_held and entry.expires_at <= now:",
        "if entry.is_held and entry.expires_at < now:",
        (LEDGER, PROPERTY),
    ),
    Mutant(
        "a household is one customer",
        GESTURES + "usage.py",
        "return or_(self.household.entries, LedgerEntry.customer_id == self.customer_id)",
        "return LedgerEntry.customer_id == self.customer_id",
        (PROPERTY,),
    ),
    Mutant(
        "seals forget the amount",
        GESTURES + "sealing.py",
        "        event.delta_minor,\n",
        "",
        (SEALING,),
    ),
    Mutant(
        "a gift that is only offered does not count for who may be given one",
        GESTURES + "authority.py",
        "or_(in_force, LedgerEntry.state == EntryState.REVERSED)",
        "LedgerEntry.state.in_((EntryState.GRANTED, EntryState.FULFILLED, EntryState.REVERSED))",
        (CONDITIONS + "::test_a_gift_that_is_only_offered_counts_for_who_may_be_given_one",),
    ),
    Mutant(
        "where a policy is stopped a wider one decides",
        EMPOWERMENT + "deciding.py",
        "granting = authority(live, ask)",
        "granting = authority([one for one in live if one.id not in stopped.policies], ask)",
        (DECIDING + "::test_stopping_a_policy_never_lets_more_through",),
    ),
    Mutant(
        "a household is one account, wherever they live",
        GESTURES + "households.py",
        "return or_(LedgerEntry.household == self.account, LedgerEntry.address_key == self.address)",
        "return LedgerEntry.household == self.account",
        (CONDITIONS + "::test_a_household_shares_a_limit",),
    ),
    Mutant(
        "what is published need not be what was read",
        EMPOWERMENT + "publishing.py",
        "    if version.stage is Stage.IN_REVIEW and version.body_hash != read_hash:\n",
        "    read_hash = version.body_hash\n    if not read_hash:\n",
        (POLICIES + "::test_only_what_the_publisher_read_is_published",),
    ),
    Mutant(
        "a simulation of something else will do",
        EMPOWERMENT + "publishing.py",
        "            Simulation.body_hash == version.body_hash,\n",
        "",
        (POLICIES + "::test_what_changed_after_the_simulation_has_to_be_tried_again",),
    ),
    Mutant(
        "a promise that was paused is kept twice",
        GESTURES + "approvals.py",
        'key = f"approval:{request.id}" if honours is None else f"honours:{honours}"',
        'key = f"approval:{request.id}"',
        (HONOURING,),
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Do the tests notice when the ledger is broken on purpose?")
    parser.add_argument("--only", type=int, action="append", help="the number of a mutant, from 1")
    chosen = parser.parse_args().only or range(1, len(MUTANTS) + 1)
    caught = 0
    with tempfile.TemporaryDirectory(prefix="plusone-mutants-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*LEFT_OUT))
        for number in chosen:
            mutant = MUTANTS[number - 1]
            is_caught = survives_not(mutant, tree)
            caught += is_caught
            print(f"{number:2} {'caught' if is_caught else 'LIVES ON'}: {mutant.name}", flush=True)
    print(f"{caught} of {len(chosen)} caught")
    return int(caught < len(chosen))


def survives_not(mutant: Mutant, tree: Path) -> bool:
    """Whether a test fails under the mutant; each file of tests in turn, the quick ones first."""
    file = tree / mutant.file
    whole = file.read_text()
    if whole.count(mutant.old) != 1:
        raise SystemExit(
            f"{mutant.file} has changed: “{mutant.old.strip()}” stands there {whole.count(mutant.old)} times"
        )
    file.write_text(whole.replace(mutant.old, mutant.new))
    try:
        return any(fails(tests, tree) for tests in mutant.tests)
    finally:
        file.write_text(whole)


def fails(tests: str, tree: Path) -> bool:
    longer = {"LEDGER_EXAMPLES": "10", "LEDGER_WALK": "600", "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", tests, "-q", "-x", "-n0", "--no-header", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-k", "not postgresql"],
        cwd=tree,
        env=os.environ | longer,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    if done.returncode not in (0, 1):  # 1: a test failed; anything else is no answer
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    return done.returncode == 1


if __name__ == "__main__":
    sys.exit(main())

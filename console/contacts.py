"""E-mail addresses and phone numbers as they are kept, so that the same one is always spelt the same."""

from __future__ import annotations

import phonenumbers
from email_validator import EmailNotValidError, validate_email


def parse_email(text: str) -> str:
    """Lower case. Raises ValueError with a sentence."""
    try:
        # An agent types what the customer says; whether the domain receives mail is not asked of the network.
        return validate_email(text.strip(), check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        raise ValueError(f"“{text[:80]}” is not an e-mail address") from None


def parse_phone(text: str, region: str) -> str:
    """E.164, read as a number of `region` when it has no country code. Raises ValueError with a sentence."""
    try:
        number = phonenumbers.parse(text[:40], region)
    except phonenumbers.NumberParseException:
        raise ValueError(f"“{text[:40]}” is not a phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"“{text[:40]}” has too many or too few digits for a phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

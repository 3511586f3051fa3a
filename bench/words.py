"""What invented customers talk about, buy, like and complain of."""

# ruff: noqa: E501, SIM905  one topic a line; names are easier to read as words

from __future__ import annotations

CARRIERS = ("Northway", "Parcelgate", "Swift & Sons", "Royal Cart")
MAKES = """Alder Beacon Cinder Dune Ember Fathom Gable Harbour Inlet Juniper Kestrel Linden Marlow Nettle Orchard Pebble
Quarry Rowan Sorrel Tarn""".split()
THINGS = (
    ("table lamp", 9500), ("floor lamp", 16500), ("armchair", 64000), ("side table", 14900), ("bookcase", 32900),
    ("wool throw", 7200), ("cushion", 3400), ("linen sheet set", 12900), ("rug", 27500), ("mirror", 11800),
    ("teapot", 4200), ("mug", 1400), ("dinner plate", 1800), ("cast-iron pan", 8900), ("kettle", 7900),
    ("watering can", 3600), ("planter", 2900), ("scented candle", 2400), ("door mat", 3900), ("wall clock", 6800),
)  # fmt: skip

# Wrap-up code; what it was about; what was done; how it ended.
TALKS = (
    ("late_delivery", "Parcel not here yet", "Rang the carrier and gave the new day.", "The customer will wait."),
    ("late_delivery", "Delivery moved twice", "Booked a fixed slot.", "Slot confirmed by e-mail."),
    ("damaged", "Arrived with a crack", "Sent a new one, no return needed.", "The replacement leaves today."),
    ("damaged", "Scratch on the frame", "Offered a part refund.", "The customer keeps it."),
    ("missing_parcel", "Tracking says delivered, nothing there", "Opened a search with the carrier.", "Answer in two days."),
    ("return", "Wants to send one back", "Sent a label.", "Refund after it arrives."),
    ("return", "Wrong size ordered", "Changed it for the larger one.", "Collected at the door."),
    ("refund", "Refund not on the card yet", "Checked: it left us on Monday.", "Will look again on Friday."),
    ("product_question", "Which bulb fits", "Read out the label: E14, 40 W.", "Will buy two."),
    ("product_question", "How to clean the wool", "Sent the care page.", "Clear now."),
    ("product_question", "Is it safe outside in winter", "Advised a cover.", "Cover ordered."),
    ("order_change", "Add an item to the order", "Added before packing.", "New total confirmed."),
    ("order_change", "Another address for the delivery", "Changed it with the carrier.", "Goes to the office."),
    ("payment", "Charged twice", "One of the two was a hold; it is released.", "Will check tomorrow."),
    ("account", "Cannot sign in", "Sent a new link.", "Signed in while on the line."),
    ("complaint", "Third call about the same thing", "Took it over in person.", "Call back promised."),
    ("compliment", "Only wanted to say thank you", "Passed on to the packers.", "A happy call."),
    ("trade", "Prices for twelve rooms", "Sent the trade list.", "A quote by Thursday."),
)  # fmt: skip
CONVERSATIONS = (
    (
        "Hello, I am writing about this: {subject}.", "Thank you for telling us. May I have the order number?",
        "Yes, one moment, it is in the e-mail.", "No hurry.", "Found it, it is the one from last week.",
        "I have it here. Let me see what happened.", "Thank you.", "It is sorted; you will get a message today.",
    ),
    (
        "Hi, {subject}, can you help?", "Of course. Tell me a little more.",
        "It began on Tuesday and I have tried everything on your page.", "Then let us not repeat that. I will do it here.",
        "That would be kind.", "Done. Could you look again, please?", "It works now!",
    ),
    (
        "I called about this before. {subject}.", "I see the earlier note, and I am sorry that it is not solved.",
        "So am I, frankly.", "I will stay with it until it is. Is this number good in the afternoon?", "After three, yes.",
    ),
)  # fmt: skip
NOTES = (
    "Moving house in spring; new address then. Asked us to remind her before the next big order.",
    "Prefers to be called in the morning. Works night shifts at the hospital every other week.",
    "Collects the blue range. Missing the large jug and would like to hear when it is back.",
    "Buying for a small hotel, twelve rooms, wants one invoice a month.",
    "Loved the handwritten card with the last parcel and said so twice.",
    "The lift is out of order until June: third floor, so two people are needed to carry.",
    "Daughter gets married in September; looking for twenty place settings in grey.",
    "Asked for the wool care page again. Sent by e-mail, and in large print by post.",
    "Was disappointed by the packaging: too much plastic. Would rather wait a day for paper.",
    "Has a puppy now. Rugs that wash well.",
    "Reads everything before buying, so give measures and not adjectives.",
    "Will be abroad until the 20th. Keep the parcel back until then.",
)
PROMISES = (
    "Ring back when the parcel has arrived", "Send the swatches", "Look for the blue jug in the other store",
    "Send the quote", "Confirm the new slot", "Check that the refund is on the card",
)  # fmt: skip
COMPLAINTS = (
    "Delivered to the wrong house, and nobody rang back", "The replacement came broken as well",
    "Waited 40 minutes on the line and was cut off", "The refund was promised three weeks ago",
)  # fmt: skip
PREFERENCES = (
    ("style", "Blue rather than green"), ("style", "Plain, no patterns"), ("delivery", "Deliver to the neighbour at 12"),
    ("delivery", "Saturday deliveries"), ("contact", "E-mail rather than phone"), ("contact", "Mornings before ten"),
    ("gifts", "Green tea, no coffee"), ("gifts", "No perfume"), ("household", "Has a cat"), ("household", "Small flat"),
    ("style", "Natural wood"), ("price", "Waits for the sale"),
)  # fmt: skip

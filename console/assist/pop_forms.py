"""What a screen pop brings along."""

from __future__ import annotations

from typing import Self

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NoneOf

from console.customers.recognising import Clues
from console.interactions.handling import Origin
from console.interactions.models import REPLAY, Channel
from console.interactions.turns import cleaned
from console.web import stripped


def line(text: str | None) -> str:
    return " ".join(cleaned(stripped(text)).split())


class PopForm(FlaskForm):
    """From the address, or from the page that the address answered with."""

    phone = StringField("Phone", [Length(max=60)], filters=[line])
    email = StringField("E-mail", [Length(max=254)], filters=[line])
    order = StringField("Order", [Length(max=120)], filters=[line])
    customer = StringField("Customer", [Length(max=120)], filters=[line])
    name = StringField("Name", [Length(max=200)], filters=[line])
    channel = SelectField(
        "Channel", choices=[SelectChoice(one, one.label) for one in Channel], default=Channel.PHONE.value
    )
    external_id = StringField("Call", [Length(max=120)], filters=[line])
    source = StringField("System", [Length(max=40), NoneOf([REPLAY], "This name is kept for replays")], filters=[line])

    @classmethod
    def of_address(cls, args: MultiDict[str, str]) -> tuple[Self, str]:
        """The form as an address fills it in, and what of that is left out because nothing can be done with it.

        Whoever builds the address is a program: a + that it did not encode has arrived as a space.
        """
        phone = args.get("phone", "")
        if phone[:1] == " " and phone[1:2] in set("123456789"):
            args = MultiDict(args)
            args["phone"] = f"+{phone[1:]}"
        form = cls(args, meta={"csrf": False})
        form.validate()
        left_out = [field for field in form if field.errors]
        for field in left_out:
            field.data, field.errors = field.default or "", ()
        return form, " · ".join(f"{field.label.text} left out" for field in left_out)

    def origin(self) -> Origin | None:
        return Origin(self.external_id.data, self.source.data) if self.external_id.data else None

    def clues(self) -> Clues:
        return Clues(
            phone=self.phone.data,
            email=self.email.data,
            order=self.order.data,
            external_id=self.customer.data,
            name=self.name.data,
        )

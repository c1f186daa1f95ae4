"""Account records of made-up people: ids, sign-up, mail domain, phone, payment and device, all invented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stormwatch.model.times import DAY, format_rfc3339
from stormwatch.simulate.cast import Record
from stormwatch.simulate.dice import Dice
from stormwatch.simulate.network import Address
from stormwatch.simulate.places import places
from stormwatch.simulate.texts import made_up_word

_FREE_MAIL: Final = (
    *("freepost.example", "freepost.example", "freepost.example", "mailhaven.example", "mailhaven.example"),
    *("inboxly.example", "postkasten.example", "courrier.example", "yandoo.example", "correo-libre.example"),
    *("privatemail.test", "quickletter.example"),
)
_DISPOSABLE: Final = tuple(f"tempbox-{number:02d}.test" for number in range(1, 31))

_TOP_LEVEL: Final = (".example", ".example", ".test", ".invalid")


def mail_services() -> list[str]:
    """Mail domains that anybody can have an address at, lasting or disposable."""
    return sorted({*_FREE_MAIL, *_DISPOSABLE})


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a group may share or settle about a new account; None is left to chance."""

    created_us: int
    programme: str
    address: Address
    claimed: str | None = None
    mail_domain: str | None = None
    payment: str | None = None
    device_id: str | None = None
    org_id: str | None = None
    verified: bool = False


class Identities:
    """Makes records and the identifiers in them."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice

    def record(self, sign_up: SignUp) -> Record:
        """The record of one account; some fields are missing now and then, as they are in life."""
        dice = self._dice
        paid = sign_up.programme not in {"free", "education"} or dice.chance(0.12)
        payment = sign_up.payment or (self.payment() if paid else None)
        claimed = sign_up.claimed or (sign_up.address.country if dice.chance(0.93) else dice.pick(tuple(places())))
        return Record(
            account_id=f"acct_{dice.token()}",
            org_id=sign_up.org_id,
            created_time=format_rfc3339(sign_up.created_us // 1000 * 1000),
            signup_ip=sign_up.address.ip if dice.chance(0.94) else None,
            signup_country=sign_up.address.country,
            claimed_country=claimed if dice.chance(0.9) else None,
            email_domain=sign_up.mail_domain or dice.pick(_FREE_MAIL),
            email_hash=dice.token() + dice.token(),
            phone_prefix=places()[claimed].phone if dice.chance(0.7) else None,
            payment_fingerprint=payment if dice.chance(0.95) else None,
            device_id=sign_up.device_id if dice.chance(0.75) else None,
            programme=sign_up.programme,
            verified_researcher=sign_up.verified,
        )

    def payment(self) -> str:
        """The fingerprint of a means of payment."""
        return f"pay_{self._dice.token()}"

    def device(self) -> str:
        """The id of a device."""
        return f"dev_{self._dice.token()}"

    def org(self) -> str:
        """The id of an organisation."""
        return f"org_{self._dice.token()}"

    def domain(self, top_level: str | None = None) -> str:
        """A domain that nobody can register (RFC 2606)."""
        name = made_up_word(self._dice, self._dice.between(2, 4))
        if self._dice.chance(0.3):
            name += "-" + made_up_word(self._dice, 2)
        return name + (top_level or self._dice.pick(_TOP_LEVEL))

    def disposable_domain(self) -> str:
        """A domain of a throw-away mail service, used by many."""
        return self._dice.pick(_DISPOSABLE)

    def created(self, start_us: int, *, new: float = 0.3, days: int = 28) -> int:
        """When somebody signed up: in the world's weeks with chance `new`, else in the two years before."""
        if self._dice.chance(new):
            return start_us + int(self._dice.real() * (days - 1) * DAY)
        return start_us - int(self._dice.real() ** 1.5 * 730 * DAY)

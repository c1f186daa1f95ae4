"""Whether accounts are openly together: of one declared organisation, or with one mail domain that few others have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

# A mail domain that so many times more accounts have than the group has members is a mail service.
_SERVICE: Final = 5


def openly_together(members: Sequence[Mapping[str, Any]], most: float) -> bool:
    """Whether more than the share `most` of accounts is so.

    Members come with `org_id`, `email_domain` and `domain_accounts`, the accounts that have this mail domain.
    """
    organisations = Counter(row["org_id"] for row in members if row["org_id"] is not None)
    domains = Counter(
        row["email_domain"]
        for row in members
        if row["email_domain"] is not None and row["domain_accounts"] <= _SERVICE * len(members)
    )
    return any(names and max(names.values()) > most * len(members) for names in (organisations, domains))

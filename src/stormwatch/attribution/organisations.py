"""Recognises clusters that are organisations: their accounts sign up under one mail domain, so they hide nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stormwatch.attribution.cluster_evidence import Subject
from stormwatch.storage.engine import QueryEngine, sql_file

# Of three or more accounts at least so many must share the domain. Two with one domain may be chance or one person.
_SMALLEST: Final = 3
_SHARE: Final = 0.8


def recognise_organisations(
    engine: QueryEngine, clusters: Sequence[Subject], is_shared_domain: Callable[[str], bool]
) -> Mapping[str, str]:
    """The mail domain of each cluster that is openly together, by cluster id; reads the view `account_records`.

    `is_shared_domain` says of a domain that unrelated people use it (freemail, throw-away mail).
    """
    rows = engine.query(sql_file("stormwatch.attribution", "mail_domains")).to_pylist()
    domains = {row["account_id"]: row["email_domain"].lower() for row in rows}
    return {
        cluster.subject_id: domain
        for cluster in clusters
        if (domain := common_domain([domains.get(account) for account in cluster.account_ids])) is not None
        and not is_shared_domain(domain)
    }


def common_domain(domains: Sequence[str | None]) -> str | None:
    """The domain that four fifths of three or more accounts have, else None; accounts without one count against it."""
    if len(domains) < _SMALLEST:
        return None
    counts = Counter(domain for domain in domains if domain is not None)
    domain, count = counts.most_common(1)[0] if counts else ("", 0)
    return domain if count >= _SHARE * len(domains) else None

"""The settings into the gateways of an installation."""

from __future__ import annotations

from stormwatch.actions.ports import Gateway
from stormwatch.adapters.decision_endpoint import decision_endpoint
from stormwatch.adapters.gateway_webhook import gateway_webhook
from stormwatch.adapters.litellm_keys import litellm_keys
from stormwatch.adapters.scim_users import scim_users
from stormwatch.config import Settings
from stormwatch.storage.database import Database


def gateways(database: Database, settings: Settings) -> tuple[Gateway, ...]:
    """The decision endpoint, and each other that is set up; InvalidInput says what is set wrongly."""
    others = (litellm_keys(database, settings), gateway_webhook(settings), scim_users(database, settings))
    return (decision_endpoint(database, settings), *(gateway for gateway in others if gateway is not None))

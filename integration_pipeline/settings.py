"""Settings: environment variables (or an `.env` file) that say where the data, the CRM and the rules are.

Belongs here: names, types and defaults of settings. Does not belong here: opening what they point at
(`runtime`), secrets in clear (tokens are `SecretStr`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.rules.document import DEFAULT_RULE_SET

MAPPINGS = Path(__file__).parent / "mapping"
DEFAULT_MAPPING = MAPPINGS / "hubspot_demo.yaml"

CURRENT_DATA = Path(".data/current")
"""The data folder of the newest demo; a link, so that later commands find it without being told."""


class Settings(BaseSettings):
    """Everything is optional but what the command at hand needs; a missing value is named when needed."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: Annotated[str | None, Field(repr=False)] = None
    """A PostgreSQL 15+ server, `postgresql://user:password@host/database`; without it the embedded one."""
    data_dir: Path = CURRENT_DATA
    mapping_file: Path = DEFAULT_MAPPING
    rules_file: Path = DEFAULT_RULE_SET
    targets_file: Path | None = None
    """Which accounting systems get whose documents, beside the own ledger; without it none."""
    as_of: date | None = None
    """A fixed civil day for every entity instead of today; for rehearsals."""
    hubspot_base_url: str = "https://api.hubapi.com"
    hubspot_token: SecretStr | None = None
    hubspot_api_version: str = "v3"
    hubspot_overlap_minutes: Annotated[int, Field(ge=0)] = 5
    hubspot_requests_per_ten_seconds: Annotated[int, Field(ge=1)] = 190
    """What the account grants an app: 100 on Free and Starter, 190 above, 250 with the add-on."""
    hubspot_client_secret: SecretStr | None = None
    """The secret of the HubSpot app, with which it signs its webhooks."""

    realtime: Literal["on", "off"] = "on"
    """`off`: no worker; what webhooks announce is left to Dagster."""
    inbox_patience_seconds: Annotated[int, Field(ge=1)] = 60
    """How long an announced change may stay unsettled before Dagster launches a run for it."""
    gateway_host: str = "127.0.0.1"
    gateway_port: Annotated[int, Field(ge=0, le=65535)] = 8800
    public_url: str | None = None
    """The gateway's address as vendors call it, `https://hooks.example.com`; what they sign contains it.
    Without it the address is taken from the request, which no proxy may have changed."""
    usage_api_key: SecretStr | None = None
    """Whoever reports usage presents it; without it nobody can."""

    dagster_url: str | None = None
    """Where people open Dagster's pages, `https://dagster.example.com`; alerts link to a run there."""
    alert_waiting_minutes: Annotated[int, Field(ge=1)] = 15
    """How long an announced change may stay unsettled before people are told."""
    inbox_retention_days: Annotated[int, Field(ge=7)] = 90
    """How long settled events and what was done about them are kept. Vendors repeat an event for days."""
    run_retention_days: Annotated[int, Field(ge=7)] = 30
    """How long Dagster keeps frequent runs: those that settled events, looked for missed ones, proved the
    books or deleted what is old. None goes before a later run over all months."""

    alert_slack_url: SecretStr | None = None
    """An incoming webhook in Slack's format."""
    alert_email_to: str | None = None
    """Addresses, separated by commas."""
    alert_email_from: str = "integration-pipeline@localhost"
    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = True

    @classmethod
    def load(cls) -> Settings:
        """The settings in force. Those a demo left behind count only while no database is named.

        Otherwise a forgotten demo could lend its CRM or its mapping to real books.
        """
        settings = cls()
        left_behind = CURRENT_DATA / "demo.env"
        if settings.database_url is not None or not left_behind.exists():
            return settings
        return cls(_env_file=(left_behind, ".env"))  # pyright: ignore[reportCallIssue] - pydantic-settings' own

    def hubspot(self) -> HubSpotSettings:
        """The HubSpot account. Raises `MissingSetting` without a token."""
        if self.hubspot_token is None:
            raise MissingSetting("HUBSPOT_TOKEN", "the access token of a HubSpot private app")
        return HubSpotSettings(
            token=self.hubspot_token,
            base_url=self.hubspot_base_url,
            api_version=self.hubspot_api_version,
            overlap_minutes=self.hubspot_overlap_minutes,
            requests_per_ten_seconds=self.hubspot_requests_per_ten_seconds,
        )


class MissingSetting(RuntimeError):  # noqa: N818 - reads as the statement it makes
    """A setting that the command at hand needs is not there."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__(f"{name} is not set: {meaning}. Set it in the environment or in a file named .env")

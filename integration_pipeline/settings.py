"""Settings: environment variables (or an `.env` file) that say where the data, the CRM and the rules are.

Belongs here: names, types and defaults of settings. Does not belong here: opening what they point at
(`runtime`), secrets in clear (tokens are `SecretStr`).
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.salesforce.config import SalesforceSettings
from integration_pipeline.rules.document import DEFAULT_RULE_SET

if TYPE_CHECKING:
    from integration_pipeline.credentials.keys import Keyring
    from integration_pipeline.credentials.settings import CredentialsSettings

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

    salesforce_base_url: str | None = None
    """The org's My Domain, `https://acme.my.salesforce.com`."""
    salesforce_consumer_key: str | None = None
    salesforce_consumer_secret: SecretStr | None = None
    """For the client credentials flow; for JWT bearer a user name and a private key instead."""
    salesforce_username: str | None = None
    salesforce_private_key: SecretStr | None = None
    """PEM, of the certificate that the app knows."""
    salesforce_audience: str = "https://login.salesforce.com"
    salesforce_api_version: str = "67.0"
    salesforce_overlap_minutes: Annotated[int, Field(ge=0)] = 5
    salesforce_requests_per_day: Annotated[int, Field(ge=1)] | None = None
    """This connection's share of what the org is granted in 24 hours."""
    salesforce_organization: str | None = None
    """The org's id, `00D…`; outbound messages name it."""
    salesforce_outbound_tokens: SecretStr | None = None
    """What the address of outbound messages ends with, `?token=…`; several separated by commas."""
    salesforce_relay_secrets: SecretStr | None = None
    """What the relay of change events signs with; several, separated by commas, while it is replaced."""

    quickbooks_webhook_tokens: SecretStr | None = None
    """The verifier tokens of the app's webhooks; several, separated by commas, while one is replaced."""
    xero_webhook_keys: SecretStr | None = None
    """The app's webhook signing keys; several, separated by commas, while one is replaced."""

    stripe_api_key: SecretStr | None = None
    """A restricted key that may read the account; without it no payments are read from Stripe."""
    stripe_base_url: str = "https://api.stripe.com"
    stripe_time_zone: str = "UTC"
    """Where the account's days begin, `Europe/Berlin`."""
    stripe_begin_on: date | None = None
    """Nothing that happened before that day is read."""
    stripe_requests_per_second: Annotated[int, Field(ge=1)] = 100
    """What Stripe grants the account: 100 live, 25 in its test mode."""
    stripe_webhook_secrets: SecretStr | None = None
    """The signing secrets of the webhook endpoint, `whsec_…`; several, separated by commas."""

    plaid_client_id: str | None = None
    """The client, which also opens the keys that Plaid signs its webhooks with."""
    plaid_secret: SecretStr | None = None
    plaid_base_url: str = "https://production.plaid.com"
    """`https://sandbox.plaid.com` for Plaid's sandbox."""
    plaid_items: SecretStr | None = None
    """Which banks are read: `item_id=access_token`, separated by commas; without it none."""
    plaid_account_ids: str | None = None
    """The bank accounts to read, separated by commas; without it all of every item."""

    look_again_seconds: Annotated[float, Field(gt=0)] = 300.0
    """How often the worker looks at accounting and payment systems that announced nothing."""

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
        left_behind = _left_behind(settings)
        # pydantic-settings' own parameter, of which the type checker knows nothing.
        return cls(_env_file=left_behind) if left_behind else settings  # pyright: ignore[reportCallIssue]

    def credentials(self) -> CredentialsSettings:
        """The keys and apps of connections, from where these settings are."""
        # httpx comes with it, and is not for whoever only loads Dagster's definitions.
        from integration_pipeline.credentials.settings import CredentialsSettings

        left_behind = _left_behind(self)
        if left_behind is None:
            return CredentialsSettings()
        return CredentialsSettings(_env_file=left_behind)  # pyright: ignore[reportCallIssue]

    def keyring(self) -> Keyring:
        """What tokens are sealed with: the keys that are set, or else the key file beside a demo's data.

        Raises `MissingSetting` for a database of one's own without keys, and `InvalidKeys`.
        """
        from integration_pipeline.credentials.keys import Keyring

        found = self.credentials().keyring()
        if found is not None:
            return found
        if self.database_url is None:
            return Keyring.kept_in(self.data_dir)
        raise MissingSetting(
            "CREDENTIALS_KEYS",
            "tokens are sealed with it; `integration-pipeline credentials new-key` prints one",
        )

    def salesforce(self) -> SalesforceSettings:
        """The Salesforce org. Raises `MissingSetting` without its address or the app's key."""
        if self.salesforce_base_url is None:
            raise MissingSetting("SALESFORCE_BASE_URL", "the org's address, https://acme.my.salesforce.com")
        if self.salesforce_consumer_key is None:
            raise MissingSetting("SALESFORCE_CONSUMER_KEY", "the consumer key of an external client app")
        return SalesforceSettings(
            base_url=self.salesforce_base_url,
            consumer_key=self.salesforce_consumer_key,
            consumer_secret=self.salesforce_consumer_secret,
            username=self.salesforce_username,
            private_key=self.salesforce_private_key,
            audience=self.salesforce_audience,
            api_version=self.salesforce_api_version,
            overlap_minutes=self.salesforce_overlap_minutes,
            requests_per_day=self.salesforce_requests_per_day,
        )

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


def _left_behind(settings: Settings) -> tuple[Path | str, ...] | None:
    """The files of settings with those of the demo before them; None where a demo's do not count."""
    demo = CURRENT_DATA / "demo.env"
    return None if settings.database_url is not None or not demo.exists() else (demo, ".env")


def listed(setting: SecretStr | None) -> tuple[str, ...]:
    """Secrets that are separated by commas: several while one replaces another."""
    given = setting.get_secret_value().split(",") if setting is not None else ()
    return tuple(secret.strip() for secret in given if secret.strip())


class MissingSetting(RuntimeError):  # noqa: N818 - reads as the statement it makes
    """A setting that the command at hand needs is not there."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__(f"{name} is not set: {meaning}. Set it in the environment or in a file named .env")

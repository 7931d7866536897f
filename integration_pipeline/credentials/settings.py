"""Settings of connections: keys, apps, and addresses for sandboxes.

Belongs here: names, types and defaults. Does not belong here: the key file of a demo, which stands in its
data folder (`Keyring.kept_in`).
"""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from integration_pipeline.credentials.keys import Keyring
from integration_pipeline.credentials.vendors import QUICKBOOKS, XERO, OAuthApp


class CredentialsSettings(BaseSettings):
    """Everything is optional but what is used. Addresses are those of the vendors unless given."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    credentials_keys: SecretStr | None = None
    """What tokens are sealed with at rest: newest first, separated by commas, as `credentials new-key` prints
    them."""
    oauth_redirect_uri: str = "http://localhost:8801/callback"
    """Registered with the apps, to the letter. At an address of another machine the browser's is pasted."""

    quickbooks_client_id: str | None = None
    quickbooks_client_secret: SecretStr | None = None
    quickbooks_scopes: str | None = None
    quickbooks_authorize_url: str | None = None
    quickbooks_token_url: str | None = None
    quickbooks_revoke_url: str | None = None
    quickbooks_api_url: str | None = None
    """`https://sandbox-quickbooks.api.intuit.com` for Intuit's sandbox companies."""

    xero_client_id: str | None = None
    xero_client_secret: SecretStr | None = None
    xero_scopes: str | None = None
    """Apps that were registered before the granular scopes ask for `offline_access accounting.transactions
    accounting.contacts accounting.settings`."""
    xero_authorize_url: str | None = None
    xero_token_url: str | None = None
    xero_revoke_url: str | None = None
    xero_api_url: str | None = None

    def keyring(self) -> Keyring | None:
        """The keys that are set; None without any. Raises `InvalidKeys`."""
        return None if self.credentials_keys is None else Keyring.parse(self.credentials_keys)

    def apps(self) -> list[OAuthApp]:
        """The apps whose client id and secret are set."""
        found: list[OAuthApp] = []
        if self.quickbooks_client_id and self.quickbooks_client_secret:
            app = OAuthApp(QUICKBOOKS, self.quickbooks_client_id, self.quickbooks_client_secret)
            found.append(
                app.asking_for(self.quickbooks_scopes).at(
                    authorize=self.quickbooks_authorize_url,
                    token=self.quickbooks_token_url,
                    revoke=self.quickbooks_revoke_url,
                    api=self.quickbooks_api_url,
                )
            )
        if self.xero_client_id and self.xero_client_secret:
            app = OAuthApp(XERO, self.xero_client_id, self.xero_client_secret)
            found.append(
                app.asking_for(self.xero_scopes).at(
                    authorize=self.xero_authorize_url,
                    token=self.xero_token_url,
                    revoke=self.xero_revoke_url,
                    api=self.xero_api_url,
                )
            )
        return found

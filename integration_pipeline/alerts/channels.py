"""The ways to people that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from integration_pipeline.alerts import mail, slack
from integration_pipeline.alerts.alert import Alert
from integration_pipeline.settings import Settings

Send = Callable[[Alert], None]


def channels(settings: Settings) -> Mapping[str, Send]:
    """Each set channel by its name. Calling one raises `NotDelivered` when the alert does not get through."""
    found: dict[str, Send] = {}
    if (url := settings.alert_slack_url) is not None:
        found["slack"] = lambda alert: slack.post(url.get_secret_value(), alert)
    if settings.alert_email_to and settings.smtp_host:
        server = mail.MailServer(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_starttls,
            settings.smtp_user,
            settings.smtp_password,
        )
        recipients = [each.strip() for each in settings.alert_email_to.split(",") if each.strip()]
        found["email"] = lambda alert: mail.send(server, settings.alert_email_from, recipients, alert)
    return found

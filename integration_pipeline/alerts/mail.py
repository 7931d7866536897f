"""An e-mail by SMTP, over TLS unless the server is told to be without."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage

from pydantic import SecretStr

from integration_pipeline.alerts.alert import Alert, NotDelivered

_TIMEOUT_SECONDS = 10.0
_TLS_FROM_THE_START = 465
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class MailServer:
    """How a server is reached. Port 465 speaks TLS from the first byte, others after STARTTLS."""

    host: str
    port: int
    starttls: bool
    user: str | None = None
    password: SecretStr | None = None


def send(server: MailServer, sender: str, recipients: list[str], alert: Alert) -> None:
    """Send an alert to all recipients in one message. Raises `NotDelivered`, also if one is refused."""
    message = EmailMessage()
    # A header has one line, and CRM data must not make another.
    message["Subject"] = " ".join(alert.title.split())
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message.set_content(alert.as_text() + "\n")
    try:
        with _connected(server) as connection:
            refused = connection.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(
            f"the mail server answered {error.smtp_code} ({type(error).__name__}); look at SMTP_HOST, "
            "SMTP_USER and SMTP_PASSWORD"
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotDelivered(f"the mail server cannot be used: {type(error).__name__}") from None
    if refused:
        raise NotDelivered(f"the mail server refused {len(refused)} recipients; look at ALERT_EMAIL_TO")


def _connected(server: MailServer) -> smtplib.SMTP:
    is_encrypted = server.port == _TLS_FROM_THE_START or server.starttls
    if server.password is not None and not is_encrypted and server.host not in _THIS_MACHINE:
        raise NotDelivered("a password is not sent over the network in clear; set SMTP_STARTTLS=true")
    if server.port == _TLS_FROM_THE_START:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=_TIMEOUT_SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_SECONDS)
    try:
        if server.starttls and server.port != _TLS_FROM_THE_START:
            connection.starttls(context=ssl.create_default_context())
        if server.user is not None and server.password is not None:
            connection.login(server.user, server.password.get_secret_value())
    except BaseException:
        connection.close()
        raise
    return connection

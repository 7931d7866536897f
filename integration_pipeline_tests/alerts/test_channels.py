"""Alerts that are sent: to a chat, by e-mail, to both."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from pydantic import SecretStr

from integration_pipeline.alerts.alert import Alert, NotDelivered
from integration_pipeline.alerts.channels import channels
from integration_pipeline.settings import Settings
from integration_pipeline_tests.alerts.conftest import PASSWORD, USER, Chat, Mailbox

ALERT = Alert(
    "The run of sync_deals failed",
    (("step", "crm__deals"), ("error", "<!channel> a & b")),
    next_step="Look at it.",
    link="https://dagster.example.com/runs/1",
)


def by_chat(chat: Chat) -> Settings:
    return Settings.model_validate({"alert_slack_url": chat.url})


def by_mail(mailbox: Mailbox, **settings: object) -> Settings:
    given = {
        "alert_email_to": "finance@example.com, ops@example.com",
        "smtp_host": mailbox.host,
        "smtp_port": mailbox.port,
        "smtp_user": USER,
        "smtp_password": SecretStr(PASSWORD),
    }
    return Settings.model_validate({**given, **settings})


def test_a_chat_gets_title_facts_next_step_and_link(chat: Chat) -> None:
    channels(by_chat(chat))["slack"](ALERT)
    [post] = chat.posts
    [block] = post["blocks"]
    assert post["text"] == ALERT.title
    assert "*step*: crm__deals" in block["text"]["text"]
    assert "Look at it." in block["text"]["text"]
    assert "<https://dagster.example.com/runs/1|Open in Dagster>" in block["text"]["text"]


def test_what_an_error_says_cannot_call_everybody_in_a_chat(chat: Chat) -> None:
    channels(by_chat(chat))["slack"](ALERT)
    assert "<!channel>" not in chat.posts[0]["blocks"][0]["text"]["text"]
    assert "&lt;!channel&gt; a &amp; b" in chat.posts[0]["blocks"][0]["text"]["text"]


@pytest.mark.parametrize("code", [302, 404, 500])
def test_a_chat_that_refuses_is_reported_without_its_address(chat: Chat, code: int) -> None:
    chat.answers.append(code)
    with pytest.raises(NotDelivered, match=str(code)) as refused:
        channels(by_chat(chat))["slack"](ALERT)
    assert "secret-of-the-chat" not in str(refused.value)


def test_a_chat_that_is_away_is_reported_without_its_address() -> None:
    nobody = Settings.model_validate({"alert_slack_url": "http://127.0.0.1:9/secret-of-the-chat"})
    with pytest.raises(NotDelivered) as away:
        channels(nobody)["slack"](ALERT)
    assert "secret" not in str(away.value)
    assert away.value.__cause__ is None


def test_an_e_mail_goes_to_everybody_named_over_tls_and_with_a_login(mailbox: Mailbox) -> None:
    channels(by_mail(mailbox))["email"](ALERT)
    [envelope] = mailbox.mails
    assert envelope.rcpt_tos == ["finance@example.com", "ops@example.com"]
    mail = _read(envelope.content)
    assert mail["Subject"] == ALERT.title
    assert "step: crm__deals" in mail.get_content()
    assert "https://dagster.example.com/runs/1" in mail.get_content()


def test_a_title_of_two_lines_makes_no_header_of_its_own(mailbox: Mailbox) -> None:
    channels(by_mail(mailbox))["email"](Alert("failed\nBcc: everybody@example.com"))
    [envelope] = mailbox.mails
    assert _read(envelope.content)["Bcc"] is None
    assert "everybody@example.com" not in envelope.rcpt_tos


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"smtp_password": SecretStr("wrong")}, id="the password is wrong"),
        pytest.param({"smtp_starttls": False}, id="the server insists on TLS"),
        pytest.param({"smtp_port": 9}, id="nobody listens"),
    ],
)
def test_a_mail_server_that_cannot_be_used_is_reported_without_the_password(
    mailbox: Mailbox, wrong: dict[str, object]
) -> None:
    with pytest.raises(NotDelivered) as failed:
        channels(by_mail(mailbox, **wrong))["email"](ALERT)
    assert PASSWORD not in str(failed.value)
    assert mailbox.mails == []


def test_a_certificate_of_somebody_else_is_not_trusted(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
        channels(by_mail(mailbox))["email"](ALERT)


def test_a_password_is_not_sent_in_clear_over_the_network(mailbox: Mailbox) -> None:
    with pytest.raises(NotDelivered, match="in clear"):
        channels(by_mail(mailbox, smtp_host="mail.example.com", smtp_starttls=False))["email"](ALERT)


def test_a_recipient_who_is_refused_is_reported(mailbox: Mailbox) -> None:
    mailbox.refused.add("ops@example.com")
    with pytest.raises(NotDelivered, match="1 recipients"):
        channels(by_mail(mailbox))["email"](ALERT)


def test_both_are_used_if_both_are_set(chat: Chat, mailbox: Mailbox) -> None:
    both = by_mail(mailbox, alert_slack_url=chat.url)
    assert sorted(channels(both)) == ["email", "slack"]


def test_nothing_is_used_if_nothing_is_set() -> None:
    assert channels(Settings.model_validate({"alert_email_to": "finance@example.com"})) == {}


def _read(content: bytes | str | None) -> EmailMessage:
    assert isinstance(content, bytes)
    return message_from_bytes(content, _class=EmailMessage, policy=policy.default)

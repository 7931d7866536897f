"""A message by an incoming webhook in Slack's format, which other chats accept as well.

Source of the format: https://api.slack.com/messaging/webhooks. The address is the secret: whoever knows it
may post, so it is in no error.
"""

from __future__ import annotations

import httpx

from integration_pipeline.alerts.alert import Alert, NotDelivered

_TIMEOUT_SECONDS = 10.0


def post(url: str, alert: Alert) -> None:
    """Post an alert. Raises `NotDelivered`."""
    try:
        answer = httpx.post(url, json=message_of(alert), timeout=_TIMEOUT_SECONDS, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotDelivered(f"the chat's webhook cannot be reached: {type(error).__name__}") from None
    if not answer.is_success:
        raise NotDelivered(f"the chat's webhook answered {answer.status_code}; look at ALERT_SLACK_URL")


def message_of(alert: Alert) -> dict[str, object]:
    """The body: `text` is what notifications show, `blocks` what the chat does."""
    facts = [f"*{_escaped(label)}*: {_escaped(value)}" for label, value in alert.facts]
    more = [_escaped(alert.next_step)] if alert.next_step else []
    link = [f"<{alert.link}|Open in Dagster>"] if alert.link else []
    shown = "\n".join([f"*{_escaped(alert.title)}*", *facts, *more, *link])
    return {
        "text": _escaped(alert.title),
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": shown}}],
    }


def _escaped(text: str) -> str:
    """Slack reads these three as markup; without it an error could mention everybody: `<!channel>`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

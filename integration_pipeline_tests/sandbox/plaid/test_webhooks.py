"""Webhooks: signed so that PyJWT takes them under the key Plaid names, and when they are sent at all."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt

from integration_pipeline_tests.sandbox.desk import until
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver
from integration_pipeline_tests.sandbox.plaid.conftest import Bank
from integration_pipeline_tests.sandbox.plaid.library import model, refused


def key_of(client: Any, post: tuple[Mapping[str, str], bytes]) -> Any:
    """The key that a webhook names, as Plaid's library reads it."""
    key_id = jwt.get_unverified_header(post[0]["Plaid-Verification"])["kid"]
    return client.webhook_verification_key_get(model("WebhookVerificationKeyGetRequest", key_id=key_id)).key


def claims(key: Any, post: tuple[Mapping[str, str], bytes]) -> dict[str, Any]:
    jwk = jwt.PyJWK({name: getattr(key, name) for name in ("alg", "crv", "kid", "kty", "use", "x", "y")})
    return jwt.decode(post[0]["Plaid-Verification"], jwk, algorithms=["ES256"])


def test_a_synced_item_tells_of_updates_under_a_signature_of_the_body(
    client: Any, bank: Bank, receiver: Receiver
) -> None:
    bank.sandbox.admin("PUT", "/webhooks", {"url": receiver.url})
    bank.add({"amount": "1"})
    bank.sync(client)
    bank.add({"amount": "2"})
    until(bank.sandbox.delivered)

    [post] = receiver.posts
    assert json.loads(post[1]) == {
        "environment": "production",
        "historical_update_complete": True,
        "initial_update_complete": True,
        "item_id": bank.item_id,
        "webhook_code": "SYNC_UPDATES_AVAILABLE",
        "webhook_type": "TRANSACTIONS",
    }
    said = claims(key_of(client, post), post)
    assert said["request_body_sha256"] == hashlib.sha256(post[1]).hexdigest()
    assert abs(said["iat"] - time.time()) < 60


def test_a_rotated_key_is_expired_and_still_known(client: Any, bank: Bank, receiver: Receiver) -> None:
    bank.sandbox.admin("PUT", "/webhooks", {"url": receiver.url})
    bank.sync(client)
    bank.add({"amount": "1"})
    until(bank.sandbox.delivered)
    bank.sandbox.admin("POST", "/verification_keys")
    bank.add({"amount": "2"})
    until(bank.sandbox.delivered)

    before, after = (key_of(client, post) for post in receiver.posts)
    assert before.kid != after.kid
    assert [key.expired_at is None for key in (before, after)] == [False, True]
    assert claims(before, receiver.posts[0])
    error = refused(
        lambda: client.webhook_verification_key_get(model("WebhookVerificationKeyGetRequest", key_id="none"))
    )
    assert error["error_code"] == "INVALID_WEBHOOK_VERIFICATION_KEY_ID"


def test_a_forged_webhook_names_the_key_and_is_not_signed_by_it(
    client: Any, bank: Bank, receiver: Receiver
) -> None:
    bank.sync(client)
    bank.sandbox.admin("PUT", "/webhooks", {"url": receiver.url, "faults": {"forged_share": 1}})
    bank.add({"amount": "1"})
    until(bank.sandbox.delivered)

    verdicts: list[bool] = []
    for post in receiver.posts:
        try:
            verdicts.append(bool(claims(key_of(client, post), post)))
        except jwt.InvalidSignatureError:
            verdicts.append(False)
    assert sorted(verdicts) == [False, True]


def test_only_200_acknowledges(client: Any, bank: Bank, receiver: Receiver) -> None:
    bank.sync(client)
    bank.sandbox.admin("PUT", "/webhooks", {"url": receiver.url})
    receiver.answers.extend([202, 200])
    bank.add({"amount": "1"})
    until(lambda: receiver.posts)
    until(lambda: bank.sandbox.waiting() == 1)
    bank.sandbox.admin("PUT", "/clock", {"advance_seconds": 31})
    until(bank.sandbox.delivered)

    assert len(receiver.posts) == 2

    assert receiver.bodies[0] == receiver.bodies[1]


def test_a_broken_login_is_told_of(client: Any, bank: Bank, receiver: Receiver) -> None:
    request = model("ItemWebhookUpdateRequest", access_token=bank.access_token, webhook=receiver.url)
    assert client.item_webhook_update(request).item.webhook == receiver.url
    bank.sandbox.admin("POST", f"/items/{bank.item_id}/break_login")
    until(bank.sandbox.delivered)

    codes = [body["webhook_code"] for body in receiver.bodies]
    assert sorted(codes) == ["ERROR", "WEBHOOK_UPDATE_ACKNOWLEDGED"]

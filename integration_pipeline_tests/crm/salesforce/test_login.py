"""Sessions: had by either flow, renewed once for everybody, told to nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from pydantic import SecretStr, ValidationError

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.config import SalesforceSettings
from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.transport.failures import Transient, Unauthorized
from integration_pipeline_tests.crm.salesforce.conftest import KEY, SECRET, USER, Connect, KeyPair, Org


def logins(org: Org) -> int:
    return org.admin("GET", "/counts")["sessions_opened"]


def test_an_assertion_signed_by_our_key_opens_a_session(
    org: Org, connect: Connect, key_pair: KeyPair
) -> None:
    source = connect(consumer_secret=None, username=USER, private_key=SecretStr(key_pair.private))

    assert len(source.owners()) == 1


def test_one_log_in_serves_all_calls_until_the_session_ends(org: Org, source: SalesforceSource) -> None:
    before = logins(org)
    source.owners()
    source.deal_stages()
    assert logins(org) == before + 1

    org.admin("DELETE", "/sessions")
    source.owners()
    assert logins(org) == before + 2


def test_a_session_that_ended_for_several_calls_at_once_is_renewed_once(
    org: Org, source: SalesforceSource
) -> None:
    source.owners()
    before = logins(org)
    org.admin("DELETE", "/sessions")
    together = Barrier(6)

    def ask(_: int) -> int:
        together.wait()
        return len(source.owners())

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == [1] * 6
    assert logins(org) == before + 1


def test_a_wrong_secret_is_said_without_telling_any(
    org: Org, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    source = connect(consumer_secret=SecretStr("not-the-secret-of-the-app"))

    with pytest.raises(Unauthorized, match=r"invalid client credentials.*consumer key, secret") as caught:
        source.owners()

    told = f"{caught.value!r} {vars(caught.value)!r} {caplog.text}"
    assert "not-the-secret-of-the-app" not in told
    assert "Basic" not in told


def test_a_log_in_that_finds_the_org_away_is_not_a_matter_of_credentials(
    org: Org, source: SalesforceSource
) -> None:
    org.fault(path="/services/oauth2/token", fault={"kind": "error", "status": 503})

    with pytest.raises(Transient):
        source.fetch(ObjectType.DEAL, ["006Wx0000000001"], ())


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"username": USER},
        {"consumer_secret": SECRET, "username": USER, "private_key": "-----BEGIN PRIVATE KEY-----"},
    ],
)
def test_settings_name_one_way_to_log_in(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give either consumer_secret") as caught:
        SalesforceSettings.model_validate(
            {"base_url": "https://a.my.salesforce.com", "consumer_key": KEY, **given}
        )

    assert SECRET not in str(caught.value)


def test_settings_take_no_address_that_is_not_encrypted() -> None:
    with pytest.raises(ValidationError, match="must be https"):
        SalesforceSettings(
            base_url="http://acme.my.salesforce.com", consumer_key=KEY, consumer_secret=SecretStr(SECRET)
        )

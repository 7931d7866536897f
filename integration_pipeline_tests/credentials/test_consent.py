"""What a person is asked, and what may come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from integration_pipeline.credentials import Keyring, new_key
from integration_pipeline.credentials.callback import CallbackServer
from integration_pipeline.credentials.consent import Callback, NotOurs, read_callback, request_consent
from integration_pipeline.credentials.failures import ConsentFailed
from integration_pipeline_tests.credentials.vendor import QUICKBOOKS, REALM, XERO, Clock, FakeVendor

BACK = "http://localhost:8801/callback"
KEYS = Keyring.parse(new_key())


@pytest.fixture(params=[QUICKBOOKS, XERO], ids=lambda oauth: oauth.vendor.value)
def vendor(request: pytest.FixtureRequest, clock: Clock) -> Iterator[FakeVendor]:
    made = FakeVendor(request.param, clock)
    yield made
    made.close()


def came_back(state: str, **more: str) -> str:
    return f"{BACK}?{urlencode({'code': 'code-1', 'realmId': REALM, 'state': state, **more})}"


def asked(vendor: FakeVendor) -> dict[str, str]:
    url = request_consent(vendor.app, KEYS, BACK, vendor.clock.now()).url
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def read(vendor: FakeVendor, redirected: str, keys: Keyring = KEYS) -> Callback:
    return read_callback(vendor.app, keys, redirected, vendor.clock.now())


def test_the_address_names_app_scopes_and_where_to_come_back(vendor: FakeVendor) -> None:
    query = asked(vendor)

    assert query["client_id"] == "app-1"
    assert query["redirect_uri"] == BACK
    assert query["scope"].split() == list(vendor.oauth.scopes)
    assert ("code_challenge" in query) == (vendor.oauth is XERO)


def test_what_comes_back_is_read_with_the_account_and_the_proof_that_belong_to_it(vendor: FakeVendor) -> None:
    callback = read(vendor, came_back(asked(vendor)["state"]))

    assert callback.code.get_secret_value() == "code-1"
    assert callback.redirect_uri == BACK
    assert callback.account == (REALM if vendor.oauth is QUICKBOOKS else None)
    assert (callback.verifier is None) == (vendor.oauth is QUICKBOOKS)


def test_another_process_with_the_same_keys_reads_it_too(vendor: FakeVendor) -> None:
    state = asked(vendor)["state"]

    assert read(vendor, came_back(state)) == read(vendor, came_back(state))


@pytest.mark.parametrize("state", ["", ".", "x.y", "e30.e30", "é.é"])
def test_a_state_we_did_not_sign_is_refused(vendor: FakeVendor, state: str) -> None:
    with pytest.raises(NotOurs, match="not signed with our key"):
        read(vendor, came_back(state))


def test_a_state_of_somebody_with_other_keys_is_refused(vendor: FakeVendor) -> None:
    with pytest.raises(NotOurs, match="not signed with our key"):
        read(vendor, came_back(asked(vendor)["state"]), Keyring.parse(new_key()))


def test_a_state_is_good_for_ten_minutes(vendor: FakeVendor) -> None:
    redirected = came_back(asked(vendor)["state"])
    vendor.clock.advance(timedelta(minutes=11))

    with pytest.raises(NotOurs, match="comes too late"):
        read(vendor, redirected)


def test_a_state_for_one_vendor_is_no_good_for_another(clock: Clock) -> None:
    quickbooks, xero = FakeVendor(QUICKBOOKS, clock), FakeVendor(XERO, clock)
    try:
        with pytest.raises(NotOurs, match="a request to quickbooks"):
            read(xero, came_back(asked(quickbooks)["state"]))
    finally:
        quickbooks.close()
        xero.close()


def test_a_person_who_declines_is_told_what_to_do(vendor: FakeVendor) -> None:
    with pytest.raises(ConsentFailed, match=r"gave no consent \(access_denied\).*allow the access"):
        read(vendor, came_back(asked(vendor)["state"], error="access_denied"))


@pytest.mark.parametrize("realm", ["", "../../etc", "1" * 65])
def test_an_account_that_is_no_id_is_refused(clock: Clock, realm: str) -> None:
    vendor = FakeVendor(QUICKBOOKS, clock)
    try:
        with pytest.raises(NotOurs, match="holds no realmId"):
            read(vendor, came_back(asked(vendor)["state"], realmId=realm))
    finally:
        vendor.close()


class TestTheCallbackServer:
    def test_waits_past_what_is_not_ours(self, vendor: FakeVendor) -> None:
        with CallbackServer("http://127.0.0.1:0/callback", lambda url: read(vendor, url)) as server:
            found: list[Callback | None] = []
            waiting = threading.Thread(target=lambda: found.append(server.wait(30)))
            waiting.start()
            address = server.redirect_uri
            answers = [
                httpx.get(f"{address}/favicon.ico").status_code,
                httpx.get(f"{address}?code=stolen&state=guessed").status_code,
                httpx.get(f"{address}?{urlsplit(came_back(asked(vendor)['state'])).query}").status_code,
            ]
            waiting.join()

        assert answers == [404, 400, 200]
        assert found[0] is not None
        assert found[0].code.get_secret_value() == "code-1"

    def test_gives_up_in_time(self, vendor: FakeVendor) -> None:
        with CallbackServer("http://127.0.0.1:0/callback", lambda url: read(vendor, url)) as server:
            assert server.wait(0.01) is None

    def test_listens_on_this_machine_only(self, vendor: FakeVendor) -> None:
        with pytest.raises(ValueError, match="not an http address of this machine"):
            CallbackServer("https://hooks.example.com/callback", lambda url: read(vendor, url))

"""Which requests count as HubSpot's: its own library agrees, but where HubSpot's text says otherwise."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from hubspot.utils.signature import Signature  # pyright: ignore[reportMissingTypeStubs] - the library has no types
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.crm.hubspot.signature import Forged, Proof, sign

SECRET = "b1946ac9-2492-4d23-b9a5-0c0d8c4f7d6a"
URI = b"https://hooks.example.com/webhooks/hubspot"
BODY = b'[{"objectId":1}]'
NOW = 1_790_000_000_000

# Whatever can be in an address but what HubSpot decodes, in which its library differs.
addresses = st.text("abcXYZ019/.-_~?=&+:%@", max_size=40).filter(lambda text: "%" not in text)
bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


def headers(signature: str | None = None, timestamp: str | None = str(NOW)) -> dict[str, str]:
    given = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": timestamp}
    return {name: value for name, value in given.items() if value is not None}


def signed(uri: bytes = URI, body: bytes = BODY, timestamp: str = str(NOW), secret: str = SECRET) -> str:
    return sign(secret, "POST", uri, body, timestamp)


def accepts(
    given: Mapping[str, str], *, uri: bytes = URI, body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)
) -> bool:
    try:
        Proof.of(given, NOW).require(secrets, method="POST", uri=uri, body=body)
    except Forged:
        return False
    return True


@given(secret=secrets, address=addresses, body=bodies)
def test_what_we_accept_hubspots_library_accepts(secret: str, address: str, body: str) -> None:
    uri, at = f"https://hooks.example.com/{address}", str(int(time.time() * 1_000))
    signature = sign(secret, "POST", uri.encode(), body.encode(), at)

    assert Signature.is_valid(signature, secret, body, uri, "POST", "v3", at)  # pyright: ignore[reportUnknownMemberType]


@given(
    secret=secrets, address=addresses, body=bodies, changed=st.sampled_from(["secret", "uri", "body", "at"])
)
def test_what_hubspots_library_refuses_we_refuse(secret: str, address: str, body: str, changed: str) -> None:
    uri, at = f"https://hooks.example.com/{address}", str(NOW)
    other = {"secret": secret, "uri": uri, "body": body, "at": at}
    other[changed] += "1"
    made = str(Signature.get_signature(secret, body, "v3", uri, "POST", at))  # pyright: ignore[reportUnknownMemberType]

    assert accepts(headers(made), uri=uri.encode(), body=body.encode(), secrets=(secret,))
    assert not accepts(
        headers(made, other["at"][-13:]),
        uri=other["uri"].encode(),
        body=other["body"].encode(),
        secrets=(other["secret"],),
    )


@pytest.mark.parametrize(
    ("called", "text"),
    [
        (b"/a%3Ab%2Fc%3Fd%40e%21f%24g", b"/a:b/c?d@e!f$g"),
        (b"/a%27b%28c%29d%2Ae%2Cf%3Bg", b"/a'b(c)d*e,f;g"),
        (b"/lower%3acase%2c", b"/lower:case,"),
        (b"/kept%20as%26it%3Dis%25", b"/kept%20as%26it%3Dis%25"),
        (b"/once%253A", b"/once%253A"),
    ],
)
def test_escapes_of_hubspots_list_are_signed_decoded_and_no_others(called: bytes, text: bytes) -> None:
    # The text of "Validating requests"; HubSpot's library signs the address as it is.
    made = str(Signature.get_signature(SECRET, BODY.decode(), "v3", text.decode(), "POST", str(NOW)))  # pyright: ignore[reportUnknownMemberType]

    assert accepts(headers(made), uri=called)


@pytest.mark.parametrize(("seconds", "accepted"), [(0, True), (299, True), (300, True), (301, False)])
@pytest.mark.parametrize("side", [-1, 1])
def test_timestamps_hold_for_five_minutes_to_both_sides(seconds: int, side: int, accepted: bool) -> None:
    # HubSpot's library takes any time of the future, with which a request could be repeated later.
    timestamp = str(NOW + side * seconds * 1_000)

    assert accepts(headers(signed(timestamp=timestamp), timestamp)) is accepted


@pytest.mark.parametrize(
    "timestamp", ["", "1.79e12", f"{NOW}.0", f" {NOW}", f"+{NOW}", "٣", "inf", "9" * 400, f"{NOW // 1_000}"]
)
def test_only_whole_milliseconds_are_timestamps(timestamp: str) -> None:
    assert not accepts(headers(signed(timestamp=timestamp), timestamp))


def test_every_secret_of_a_rotation_counts() -> None:
    assert accepts(headers(signed(secret="old")), secrets=("new", "old"))
    assert not accepts(headers(signed(secret="older")), secrets=("new", "old"))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_older_versions_of_the_signature_are_refused(version: str) -> None:
    made = str(Signature.get_signature(SECRET, BODY.decode(), version, URI.decode()))  # pyright: ignore[reportUnknownMemberType]
    older = {"x-hubspot-signature": made, "x-hubspot-signature-version": version}

    with pytest.raises(Forged, match="older versions do not count"):
        Proof.of({**headers(), **older}, NOW)
    assert not accepts(headers(made))


@pytest.mark.parametrize("signature", ["", "é", "AAAA", "\udcff", signed().rstrip("="), f"{signed()} "])
def test_what_is_nearly_a_signature_is_none(signature: str) -> None:
    assert not accepts(headers(signature))


def test_a_refusal_does_not_say_what_would_have_been_right() -> None:
    with pytest.raises(Forged) as refused:
        Proof.of(headers("wrong"), NOW).require((SECRET,), method="POST", uri=URI, body=BODY)

    assert not any(secret in str(refused.value) for secret in (SECRET, signed(), "wrong"))

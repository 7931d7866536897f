"""Which requests count as Stripe's: its own library agrees, but where a time is of the future."""

from __future__ import annotations

import time

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.payments.stripe.signature import Forged, Proof, sign

SECRET = "whsec_b1946ac9"
BODY = b'{"id": "evt_1"}'
NOW = 1_790_000_000

bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
secrets = st.text(st.characters(exclude_categories=["Cs"]), max_size=50).map("whsec_{}".format)


def header(body: bytes = BODY, secret: str = SECRET, at: int = NOW) -> str:
    return f"t={at},v1={sign(secret, body, str(at))}"


def accepts(
    value: str | None, body: bytes = BODY, known: tuple[str, ...] = (SECRET,), now: float = NOW
) -> bool:
    headers = {} if value is None else {"stripe-signature": value}
    try:
        Proof.of(headers, now).require(known, body)
    except Forged:
        return False
    return True


@given(secret=secrets, body=bodies)
def test_what_we_accept_stripes_library_accepts(secret: str, body: str) -> None:
    now = int(time.time())
    value = header(body.encode(), secret, now)

    assert accepts(value, body.encode(), (secret,), now)
    assert stripe.WebhookSignature.verify_header(body, value, secret, 300)  # pyright: ignore[reportUnknownMemberType]


@given(secret=secrets, body=bodies, changed=st.sampled_from(["secret", "body", "time"]))
def test_what_stripes_library_signed_we_accept_and_nothing_else(secret: str, body: str, changed: str) -> None:
    made: str = stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=NOW)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    assert accepts(made, body.encode(), (secret,))
    other_body = body.encode() + (b"1" if changed == "body" else b"")
    other_secret = secret + ("1" if changed == "secret" else "")
    other = made.replace(f"t={NOW}", f"t={NOW + 1}") if changed == "time" else made
    assert not accepts(other, other_body, (other_secret,))


@pytest.mark.parametrize("known", [("old",), ("new",), ("new", "old"), ("something", "old")])
def test_while_a_secret_is_rotated_one_known_of_two_is_enough(known: tuple[str, ...]) -> None:
    value = f"{header(secret='new')},v1={sign('old', BODY, str(NOW))},v0={sign('old', BODY, str(NOW))}"

    assert accepts(value, known=known)


@pytest.mark.parametrize(("late", "accepted"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_a_signature_is_good_for_five_minutes_around_its_time(late: int, accepted: bool) -> None:
    assert accepts(header(), now=NOW + late) is accepted


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "t=,v1=",
        f"t={NOW}",
        f"v1={sign(SECRET, BODY, str(NOW))}",
        f"t={NOW},v0={sign(SECRET, BODY, str(NOW))}",
        f"t={NOW},t={NOW},v1={sign(SECRET, BODY, str(NOW))}",
        f"t={NOW}.0,v1={sign(SECRET, BODY, str(NOW))}",
        f"t={NOW},v1=ä",
        f"t={NOW}," + ",".join("v1=0" for _ in range(1_000)),
    ],
)
def test_a_header_of_another_form_is_forged(value: str | None) -> None:
    assert not accepts(value)


@pytest.mark.parametrize("known", [(), ("",), (" ",)])
def test_without_a_secret_nothing_is_taken(known: tuple[str, ...]) -> None:
    assert not accepts(header(secret=known[0] if known else ""), known=known)


def test_the_refusal_tells_neither_signature_nor_secret() -> None:
    with pytest.raises(Forged) as caught:
        Proof.of({"stripe-signature": header(secret="another")}, NOW).require([SECRET], BODY)

    assert SECRET not in str(caught.value)
    assert sign("another", BODY, str(NOW)) not in str(caught.value)

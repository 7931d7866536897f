"""Sealing at rest."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from pydantic import SecretStr

from integration_pipeline.credentials import InvalidKeys, Keyring, new_key
from integration_pipeline.credentials.keys import NotOpened

HERE = ("table", "column", "row")
SECRET = SecretStr("refresh-token-value")


def both(newest: SecretStr, older: SecretStr) -> SecretStr:
    return SecretStr(f"{newest.get_secret_value()}, {older.get_secret_value()}")


def test_what_is_sealed_opens_again_and_does_not_show() -> None:
    keys = Keyring.parse(new_key())
    sealed = keys.seal(SECRET, HERE)

    assert keys.open(sealed, keys.newest, HERE) == SECRET
    assert SECRET.get_secret_value().encode() not in sealed
    assert keys.seal(SECRET, HERE) != sealed


@pytest.mark.parametrize("elsewhere", [("table", "column", "other row"), ("table", "columnrow", ""), ()])
def test_it_opens_nowhere_else(elsewhere: tuple[str, ...]) -> None:
    keys = Keyring.parse(new_key())

    with pytest.raises(NotOpened, match="belongs to another row"):
        keys.open(keys.seal(SECRET, HERE), keys.newest, elsewhere)


@pytest.mark.parametrize("altered", [b"", b"short", bytes(60)])
def test_an_altered_one_does_not_open(altered: bytes) -> None:
    keys = Keyring.parse(new_key())

    with pytest.raises(NotOpened, match="altered"):
        keys.open(altered, keys.newest, HERE)


def test_a_newer_key_seals_and_the_older_one_still_opens() -> None:
    old, new = new_key(), new_key()
    before = Keyring.parse(old)
    sealed = before.seal(SECRET, HERE)

    after = Keyring.parse(both(new, old))

    assert after.newest == Keyring.parse(new).newest != before.newest
    assert after.open(sealed, before.newest, HERE) == SECRET
    with pytest.raises(NotOpened, match=f"sealed with key {before.newest}"):
        Keyring.parse(new).open(sealed, before.newest, HERE)


@pytest.mark.parametrize(
    "text",
    ["", "hunter2hunter2", "ünicode", base64.b64encode(b"sixteen bytes ok").decode(), f"{'A' * 43}=,"],
)
def test_what_is_no_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InvalidKeys, match="is not 32 bytes in URL-safe base64") as refusal:
        Keyring.parse(SecretStr(text))

    assert refusal.value.__context__ is None
    assert not text or text not in str(refusal.value)


def test_a_key_given_twice_is_a_mistake() -> None:
    key = new_key()
    with pytest.raises(InvalidKeys, match="twice"):
        Keyring.parse(both(key, key))


def test_a_keyring_shows_ids_and_not_keys() -> None:
    key = new_key()
    assert key.get_secret_value() not in repr(Keyring.parse(key))


class TestTheKeyFile:
    def test_is_made_once_and_for_nobody_else(self, tmp_path: Path) -> None:
        keys = Keyring.kept_in(tmp_path)

        [file] = tmp_path.iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert Keyring.kept_in(tmp_path).newest == keys.newest

    def test_is_the_same_for_all_that_make_it_at_once(self, tmp_path: Path) -> None:
        start = Barrier(8)

        def make(_: int) -> str:
            start.wait()
            return Keyring.kept_in(tmp_path).newest

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(make, range(8)))) == 1
        assert len(list(tmp_path.iterdir())) == 1

    def test_that_others_may_read_is_not_used(self, tmp_path: Path) -> None:
        Keyring.kept_in(tmp_path)
        [file] = tmp_path.iterdir()
        file.chmod(0o640)

        with pytest.raises(InvalidKeys, match="may be read by others"):
            Keyring.kept_in(tmp_path)

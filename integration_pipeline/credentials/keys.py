"""The keys that secrets at rest are sealed with, newest first, so that a key can be replaced without a gap.

Belongs here: keys, sealing, opening, the key file of a local installation. Does not belong here: what is
sealed, and where it is kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import stat
from binascii import Error as NotBase64
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretBytes, SecretStr

KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_FILE = "credentials.key"


class InvalidKeys(ValueError):  # noqa: N818 - reads as the statement it makes
    """The keys are not what they should be. Never says what they are."""


class NotOpened(ValueError):  # noqa: N818 - as above
    """What is sealed cannot be opened: another key, another place, or altered."""


class Keyring:
    """AES-256-GCM under the newest of several keys; what an older one sealed still opens. Safe for threads.

    Everything sealed is bound to the place it belongs to (GCM's associated data): the same bytes found
    elsewhere do not open.
    """

    def __init__(self, keys: Sequence[SecretBytes]) -> None:
        if not keys or any(len(key.get_secret_value()) != KEY_BYTES for key in keys):
            raise InvalidKeys(f"a keyring needs at least one key, and each has {KEY_BYTES} bytes")
        self._keys = {_id_of(key): key for key in keys}
        if len(self._keys) < len(keys):
            raise InvalidKeys("a keyring has no key twice")
        self.newest = next(iter(self._keys))
        """The id of the key that seals."""

    @classmethod
    def parse(cls, text: SecretStr) -> Keyring:
        """Keys as `new_key` writes them, separated by commas, newest first."""
        words = [word.strip() for word in text.get_secret_value().split(",")]
        return cls([_key(word, number) for number, word in enumerate(words, start=1)])

    @classmethod
    def kept_in(cls, folder: Path) -> Keyring:
        """The keyring of a local installation, of the keys that `kept_keys` reads."""
        return cls.parse(kept_keys(folder))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    def seal(self, secret: SecretStr, place: Sequence[str]) -> bytes:
        """Ciphertext of `secret` that opens in this place alone, under the newest key."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = secret.get_secret_value().encode()
        return nonce + self._cipher(self.newest).encrypt(nonce, plain, _bound_to(place))

    def open(self, sealed: bytes, key_id: str, place: Sequence[str]) -> SecretStr:
        """What was sealed in this place under that key; raises `NotOpened`."""
        if key_id not in self._keys:
            raise NotOpened(
                f"it is sealed with key {key_id}, and CREDENTIALS_KEYS has only {', '.join(self._keys)}"
            )
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            plain = self._cipher(key_id).decrypt(nonce, ciphertext, _bound_to(place))
        except (InvalidTag, ValueError):
            plain = None
        if plain is None:
            raise NotOpened(f"its ciphertext was altered or belongs to another row (key {key_id})")
        return SecretStr(plain.decode())

    def derived(self, purpose: str) -> SecretBytes:
        """A key for another purpose that tells nothing of the one it is derived from."""
        newest = self._keys[self.newest].get_secret_value()
        return SecretBytes(HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(newest))

    def _cipher(self, key_id: str) -> AESGCM:
        return AESGCM(self._keys[key_id].get_secret_value())


def new_key() -> SecretStr:
    """A fresh key, as text for CREDENTIALS_KEYS."""
    return SecretStr(base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode())


def kept_keys(folder: Path) -> SecretStr:
    """The keys of a local installation, as text for CREDENTIALS_KEYS: a file in `folder` that nobody else may
    read, made if need be. Two that make it at once get the same one.
    """
    file = folder / _KEY_FILE
    if not file.exists():
        _create(file, new_key())
    mode = stat.S_IMODE(file.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise InvalidKeys(f"{file} may be read by others (mode {mode:o}): chmod 600 it, then replace the key")
    return SecretStr(file.read_text(encoding="ascii"))


def _key(word: str, number: int) -> SecretBytes:
    try:
        raw = base64.b64decode(word, altchars=b"-_", validate=True) if re.fullmatch("[ -~]*", word) else b""
    except NotBase64:
        raw = b""
    if len(raw) != KEY_BYTES:
        # Outside the handler: the decoder's error would stay in the chain, and with it the text.
        raise InvalidKeys(
            f"key {number} of CREDENTIALS_KEYS is not {KEY_BYTES} bytes in URL-safe base64; "
            "`integration-pipeline credentials new-key` prints one"
        )
    return SecretBytes(raw)


def _id_of(key: SecretBytes) -> str:
    return hashlib.sha256(b"key id:" + key.get_secret_value()).hexdigest()[:12]


def _bound_to(place: Sequence[str]) -> bytes:
    # A list in JSON: no two places read the same, wherever their words hold separators.
    return json.dumps(list(place)).encode()


def _create(file: Path, key: SecretStr) -> None:
    """Write the file in one step: linked into place whole, or not at all if somebody was faster."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(key.get_secret_value())
            opened.flush()
            os.fsync(opened.fileno())
        if not file.exists():
            _link(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _link(draft: Path, file: Path) -> None:
    try:
        os.link(draft, file)
    except FileExistsError:
        return  # theirs counts

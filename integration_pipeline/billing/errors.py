"""What can go wrong in billing arithmetic, by what the caller does about it.

Belongs here: exceptions of this room. Does not belong here: retries, quarantine, or anything vendor-specific.
`InvalidTerms` is meant for quarantine (the contract must be corrected); the others are programming errors.
"""

from __future__ import annotations

from collections.abc import Sequence


class BillingError(ValueError):
    """Base of every error that billing raises on purpose."""


class UnknownCurrency(BillingError):  # noqa: N818 - reads as the statement it makes
    """The code is not a current ISO 4217 currency with minor units (historic codes, XAU and XXX are not)."""

    def __init__(self, code: object) -> None:
        shown = repr(code[:20]) if isinstance(code, str) else type(code).__name__
        super().__init__(
            f"currency {shown} is not a current ISO 4217 currency with minor units; "
            "use a three-letter code in capitals such as USD, JPY or KWD"
        )


class CurrencyMismatch(BillingError):  # noqa: N818
    """Two amounts of different currencies were combined; converting needs a rate and a date first."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(f"cannot combine {left} with {right}; convert one of them first")


class InvalidTerms(BillingError):  # noqa: N818
    """Contract terms that cannot be billed. `problems` lists every (path, message) that was found.

    Paths are written as in the terms: `end`, `charges[0].quantity`; an empty path means the document itself.
    """

    def __init__(self, problems: Sequence[tuple[str, str]], contract_id: str | None = None) -> None:
        self.problems: list[tuple[str, str]] = list(problems)
        self.contract_id = contract_id
        record = "contract terms" if contract_id is None else f"terms of contract {contract_id[:80]}"
        listed = "; ".join(f"{path or 'document'}: {message}" for path, message in self.problems)
        super().__init__(f"{record} cannot be billed: {listed}")

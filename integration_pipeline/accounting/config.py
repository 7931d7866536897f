"""What the configuration says of every accounting system, whoever made it.

Belongs here: the fields all targets share. Does not belong here: a vendor's accounts, items and tax codes
(each vendor's `config`), the file (`targets_file`), credentials.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, field_validator

from integration_pipeline.transport.addresses import encrypted_or_local
from integration_pipeline.yaml_documents import Document


class TargetConfig(Document):
    """One accounting system. A vendor's own adds `vendor: Literal["..."]`.

    `account` is the vendor's name of the company: the realm at QuickBooks, the tenant at Xero. Documents of
    `entities` go there from the issue date `since` on; an entity may have several targets.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    account: Annotated[str, Field(min_length=1, max_length=80)]
    entities: Annotated[tuple[str, ...], Field(min_length=1)]
    since: date
    base_url: str

    @field_validator("base_url")
    @classmethod
    def _no_token_in_clear(cls, value: str) -> str:
        return encrypted_or_local(value)

    @field_validator("name")
    @classmethod
    def _not_the_ledger(cls, value: str) -> str:
        if value == "ledger":
            raise ValueError("'ledger' is the own ledger; give the accounting system another name")
        return value

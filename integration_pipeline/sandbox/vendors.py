"""The vendors there are sandboxes of, by the name that starts one. HubSpot's has a start of its own (`app`).

A vendor's module is imported only when it is started: a process imitates one.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from starlette.applications import Starlette

from integration_pipeline.sandbox.frame import FrameOptions

VENDORS = ("plaid", "quickbooks", "salesforce", "stripe", "xero")


class VendorApp(Protocol):
    """What `sandbox/<vendor>/app.py` offers."""

    Options: type[FrameOptions]

    def create_app(self, data_dir: Path, options: Any) -> Starlette: ...


def vendor_app(vendor: str) -> VendorApp:
    """The module of a vendor. Raises ValueError naming the known ones for another."""
    if vendor not in VENDORS:
        raise ValueError(f"there is no sandbox of {vendor!r}; there are {', '.join(VENDORS)}")
    return cast("VendorApp", import_module(f"integration_pipeline.sandbox.{vendor}.app"))


def create_vendor_app(vendor: str, data_dir: Path, options: str) -> Starlette:
    """A vendor's sandbox in `data_dir`; `options` are its `Options` as JSON.

    Raises pydantic's ValidationError for wrong options and `StorageInUseError` if another process has the
    directory.
    """
    app = vendor_app(vendor)
    return app.create_app(data_dir, app.Options.model_validate_json(options))

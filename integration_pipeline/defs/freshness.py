"""How old an asset may be before Dagster's pages warn, and before they call it overdue.

Every stage has one of the two. By whatever brings it up to date: a run, or real time, which is announced as a
materialization.
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

DAILY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26))
"""`daily_sync` runs once a day; half a day more allows for a failed run that somebody starts again."""

OFTEN = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=6), warn_window=timedelta(hours=1))
"""Schedules of every ten minutes: several runs may fail before anybody is warned."""

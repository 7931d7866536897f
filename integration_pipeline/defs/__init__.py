"""The pipeline as Dagster shows and schedules it: assets, checks, jobs, schedules, resources.

Belongs here: everything that imports Dagster, as a thin shell. Does not belong here: any work. An asset calls
a stage of `pipeline` and turns its report into metadata; `definitions` puts the parts together.
"""

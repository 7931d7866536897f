"""Read models for people: the dbt project `dbt_like_sql/`, run by hand or as a Dagster code location.

Belongs here: how that project is found, connected, run, and shown in Dagster. Does not belong here: what the
models say (that is SQL, in `dbt_like_sql/`), and the pipeline that fills the tables they read.

A location of its own because dbt takes seconds to import: the pipeline's runs shall not wait for it.
"""

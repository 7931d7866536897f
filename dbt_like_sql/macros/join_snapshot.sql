{#- Lets a model read the moment that whoever started the run holds open (pg_export_snapshot); without one,
    the moment it is built at. Only while executing: the parser would remember the variable and parse again
    each time. -#}
{% macro join_snapshot() -%}
{%- if execute and env_var('DBT_SNAPSHOT', '') -%}
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SET TRANSACTION SNAPSHOT '{{ env_var("DBT_SNAPSHOT") }}'
{%- endif -%}
{%- endmacro %}

{#- The day the reports look from: the variable `as_of`, or today in UTC. -#}
{% macro as_of() -%}
{%- if var('as_of', '') -%}
cast('{{ var("as_of") }}' AS date)
{%- else -%}
cast(now() AT TIME ZONE 'UTC' AS date)
{%- endif -%}
{%- endmacro %}

{#- A sum of minor units: 0 for no rows, and wide enough for any number of the largest amounts. One deal with
    an absurd amount, quarantined as it is, must not overflow the reports about all others. -#}
{% macro in_minor_units(minor, condition='') -%}
cast(coalesce(sum({{ minor }}){% if condition %} FILTER (WHERE {{ condition }}){% endif %}, 0) AS numeric(38, 0))
{%- endmacro %}

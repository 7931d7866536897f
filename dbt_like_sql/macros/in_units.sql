{#- Minor units in units of the currency: 1250 USD is 12.50, 1250 JPY is 1250, 1250 KWD is 1.250.
    `digits` is minor_unit_digits of the seed `currencies`; without it (no such currency) the result is null. -#}
{% macro in_units(minor, digits='currencies.minor_unit_digits') -%}
round({{ minor }} / power(10::numeric, {{ digits }}), {{ digits }})
{%- endmacro %}

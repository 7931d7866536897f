"""The currencies money can be in, and how many decimals each has.

Belongs here: the table and its look-up. Does not belong here: exchange rates, symbols, local formats.

Source: ISO 4217 List One ("current currency & funds code list"), published 2026-01-01 by the maintenance
agency SIX (https://www.six-group.com/en/products-services/financial-information/data-standards.html).
Left out: the codes whose minor unit is "N.A." (metals, SDR, bond units, testing, XXX), as no amount in
them has a smallest coin, and the historic codes of List Three (BGN, HRK, ...).
"""

from __future__ import annotations

from types import MappingProxyType

from integration_pipeline.billing.errors import UnknownCurrency

_CODES_BY_MINOR_UNITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF "
        "CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
        "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL "
        "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "
        "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP "
        "TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

MINOR_UNITS = MappingProxyType(
    {code: exponent for exponent, codes in _CODES_BY_MINOR_UNITS.items() for code in codes.split()}
)
"""Decimals of each currency: `{"USD": 2, "JPY": 0, "KWD": 3, ...}`."""


def minor_unit_exponent(currency: str) -> int:
    """Number of decimals of `currency` (JPY 0, USD 2, KWD 3, CLF 4). Raises `UnknownCurrency`."""
    try:
        return MINOR_UNITS[currency]
    except (KeyError, TypeError):
        raise UnknownCurrency(currency) from None

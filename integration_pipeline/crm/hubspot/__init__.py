"""HubSpot as a source of deals, companies, contacts, line items and products.

`source.HubSpotSource` is the connector; the rest of this folder is what it needs to speak HubSpot.
"""

"""Salesforce as a source of opportunities, accounts, contacts, opportunity products and products.

`source.SalesforceSource` is the connector; the rest of this folder is what it needs to speak Salesforce.
"""

"""CRM sources: a folder per vendor, each turning the vendor's records into `records.CrmRecord`.

What a field means for billing is the mapping's business, not a connector's.
"""

"""An imitation of one Salesforce org: REST API, SOQL, composite resources, Bulk API 2.0, pushes.

Belongs here: what Salesforce does. Does not belong here: what every sandbox has
(`sandbox.frame`), nor who reads it.
"""

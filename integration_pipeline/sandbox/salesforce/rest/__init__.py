"""The resources of the REST API: requests read, answers in Salesforce's shapes."""

"""The rule set: a company's billing conventions, entities and accounts, as one versioned YAML file."""

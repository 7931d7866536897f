"""An imitation of HubSpot's CRM API: one file per idea, state in SQLite, answers in HubSpot's shapes.

What is HubSpot's documented or observed behaviour says so beside the code. Demo records do not belong here;
they are written through the API like any other client's.
"""

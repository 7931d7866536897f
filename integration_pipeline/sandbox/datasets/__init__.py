"""Demo data: what the imitation CRM is filled with, and the loader that fills it.

`generated.generate` invents contracts, `public.read_public` reads a public set of opportunities,
`load.load` writes either into a HubSpot account over HubSpot's own HTTP API. Nothing here knows the server
it talks to, and nothing here reads what the pipeline makes of the data.
"""

"""What is known about movements, as the database has it.

Belongs here: reading. Does not belong here: keeping what a source sends, booking what was decided (pipeline).
"""

"""What was paid, refunded, disputed, kept as a fee or paid out, as payment vendors and banks tell of it.

Belongs here: the shape of a movement of money (`movements`), a folder for each vendor that tells of some.
Does not belong here: which invoice a movement settles, and its posting.
"""

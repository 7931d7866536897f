"""Which invoices a movement of money settles: rules over what is known, each explained in words.

Belongs here: reading names of documents out of texts, the rules in their order, what is proposed to a person
where no rule is sure; pure functions over frozen shapes. Does not belong here: any I/O, locks, booking.
"""

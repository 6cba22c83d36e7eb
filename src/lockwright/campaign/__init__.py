"""Campaigns: many explorations, for hours or days, that can be stopped and taken up at any moment.

    plan ─► items ─► pieces ─► engine ─► what each piece found ─► store ─► answers

A plan (`plan.py`, read by `planfile.py`) is expanded (`expand.py`) into items: explorations that
each end in a Result.  The conductor (`conductor.py`) cuts what is to be done next of each item into
pieces (`piece.py`), whose outcome depends on nothing but the piece; an engine (`engine.py`) has
them explored, and what they found is committed to the store (`store.py`) before anything else
happens.  Pieces come in generations: when all of one are done, what they found is entered in their
order, and the next generation is made of what is known then.  So a campaign ends the same whoever
explored its pieces, in what order, and how often it was killed.
"""

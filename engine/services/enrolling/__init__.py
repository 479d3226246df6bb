"""Let many clients enter one journey: a row says who asked and how far it is, statements for many do the work.

`requests` makes, holds and ends such a row; `carrying_out` decides about the next clients and commits them together
with the row's cursor; `judging` says who may enter, as `engine.services.entering` does for one; `placing` writes what
`engine.services.instances.instance_start` writes for one.
"""

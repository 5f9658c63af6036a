"""The review's questions Q1 to Q9: each with its runs, table, figure and answer.

A question says beforehand what it measures and which difference decides.  Its runs give one table,
a row for each run; figure and sentence are made from that table alone, so that they can be drawn
again without a run and whatever the data say is the answer.
"""

"""What users can do to every design, and machines that do it: the face that test authors meet.

| module | has |
| --- | --- |
| descriptors | open files by number, as a process with threads has them |
| vocabulary | `CALLS`: for each design, the calls of its users |
| reference | what a reader of the documentation would expect of them |
| sequential | a Hypothesis state machine for each design, which compares the two |

Only `sequential` needs Hypothesis.
"""

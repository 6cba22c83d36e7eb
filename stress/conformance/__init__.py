"""What real kernels answered, asked of the models.

| module | does |
| --- | --- |
| `vectors` | reads the recording |
| `kernels` | says which design stands for which kernel, and what it had lived through |
| `tree` | says which events a sequence is run on |
| `machine` | is a kernel with that design, and runs sequences |
| `process`, `steps`, `answers` | do what a recorded step says, and answer in its form |
| `matching` | compares an answer with the recorded one |
| `leftout` | reads which steps the models leave out, and why |
| `interleaved` | replays the recorded interleavings as schedules |
| `outcomes` | looks for all that stress saw |
"""

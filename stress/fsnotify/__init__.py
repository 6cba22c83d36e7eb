"""How the remote watches are stressed: the variants, what their users call, and the bound.

| module | holds |
| --- | --- |
| variants | the designs by name, each with its class and its parameters |
| calls | what users, strangers and the server do, as a vocabulary for programs |
| bound | every program up to three concurrent calls, in the environments that decide P1 to P8 |
"""

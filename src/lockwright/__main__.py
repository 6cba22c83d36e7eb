"""`python -m lockwright` is `lockwright`."""

from lockwright.cli import main

main()

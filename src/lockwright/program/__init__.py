"""Thread programs: small concurrent programs as JSON, explored and validated.

document    a file's text to the programs in it, and what is wrong with the JSON
compiler    one task's steps to a coroutine function
tasks       the form with "tasks": shared variables, atomics, locks, conditions
threads     the form with "threads": kernel locks, completions, work items, SRCU
selftest    the form with "steps": one task that only the lock validator hears of
machine     the operations that a program has beyond the kernel's own
program     a program that can be run
verdict     runs it, and says what came of it
text        the same for people
command     the files of a command line, from end to end
"""

"""Thread programs: small concurrent programs as JSON, explored and validated.

document      a file's text to the programs in it, and what is wrong with the JSON
compiler      one task's steps to a coroutine function
tasks         the form with "tasks": shared variables, atomics, locks, conditions
threads       the form with "threads": kernel locks, completions, work items, SRCU, interrupts
threadops     what its steps do
threadobjects the objects that they do it to
handlers      its threads that are interrupt handlers
selftest      the form with "steps": one task that only the lock validator hears of
stepping      what its steps tell the validator
wwsteps       the same of ww mutexes
concurrent    from these steps to threads that do them at the same time
machine       the operations that a program has beyond the kernel's own
program       a program that can be run
verdict       runs it, and says what came of it
stepsverdict  the same of a program of steps
classic       what the kernel's own validator would say
entry         what came of it, and whether that is what the file expects
text          the same for people
command       the files of a command line, from end to end
"""

"""`UserError`, the exception for mistakes of the user: printed as one line, exit code 2."""


class UserError(Exception):
    """A mistake that the person at the keyboard can fix.

    Its text is one line that says what is wrong, where, and how to fix it. Commands print it
    without a stack trace and exit with code 2 (`detector.command.run`). Everything else that
    is raised is a fault of the program.
    """

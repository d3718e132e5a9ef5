"""The two errors a user is meant to read: one line that says what is wrong, where, and what to do."""


class TaxoevalError(Exception):
    """Wrong input or environment. The message names the file, the row, the value and the remedy.

    The command line prints it as one line, without a traceback, and exits with a status other than 0.
    """


class UnsupportedError(TaxoevalError):
    """What was asked cannot exist for this encoder or dataset, for example zero-shot without a text tower.

    A task that raises it gets the status ``unsupported`` with the message as its reason; the others go on.
    """

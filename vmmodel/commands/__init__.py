"""The subcommands of `./study`, one module each: its arguments, and what it does.

A module is imported when its command is used, so that `./study --help` starts at once.
"""

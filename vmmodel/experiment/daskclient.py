"""Dask's client, closed at once where it cannot connect."""

# mypy: allow-untyped-calls, allow-subclassing-any
# Dask is typed in part.

from typing import Any

from distributed import Client


class PromptClient(Client):
    """A client that leaves nothing to the garbage collector.

    One that fails to connect would be closed whenever it is collected.  If that is while another
    client or cluster starts, closing waits for a lock that the start holds, for ever.
    """

    def start(self, **options: Any) -> Any:
        """Connect, or close and raise."""
        try:
            return super().start(**options)
        except BaseException:
            self.close()
            raise

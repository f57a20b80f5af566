"""One read of a site: what the tasks that only read share."""

from __future__ import annotations

from ..channel.wire import Wire
from ..lib.masking import Mask
from ..protocol import Event, Wish
from ..run.facts import Facts
from ..site.site import Site


class Reading:
    """One read of `site`: `wish` of the laptop, `wire` to tell over, `mask` for all that is told."""

    def __init__(self, site: Site, wish: Wish, wire: Wire, mask: Mask) -> None:
        self.site, self.wish, self.wire, self.mask = site, wish, wire, mask
        self.facts = Facts(site, mask)

    def tell(self, event: Event) -> None:
        """Tells an event, its free text masked."""
        self.wire.send(self.mask.event(event))

    def rows(self, columns: list[str], rows: list[list[str]], title: str | None = None) -> None:
        """Tells a table, as it is: what is free text in it is masked by whoever calls."""
        self.tell({"event": "rows", "title": title, "columns": columns, "rows": rows})

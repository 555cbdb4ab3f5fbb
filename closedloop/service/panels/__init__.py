"""What the page shows of a study. A panel is one module of this package, one template, and one line of `PANELS`.

The module has `NAME` (also of its template, `templates/panels/NAME.html`, and of its event), `TITLE` and
`read(paths)`, which returns a frozen dataclass; one with pictures has `picture(paths, key)` too, which returns the
bytes of a PNG, served at `/study/STUDY/panel/NAME/picture/KEY.png`. The template gets `panel`, what `read` returned,
and `study` (`study.name`, `study.url`); `templates/macros.html` has the marks of states and levels, and charts.
"""

from closedloop.service.panels import gates, stages
from closedloop.service.panels.panel import Panel

PANELS: tuple[Panel, ...] = (stages, gates)
"""The panels in the order of the page."""

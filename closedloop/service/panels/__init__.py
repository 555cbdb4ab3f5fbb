"""What the page shows of a study. A panel is one module of this package, one template, and one line of `PANELS`.

The module has `NAME` (also of its template, `templates/panels/NAME.html`, and of its event), `TITLE` and
`read(paths)`, which returns a frozen dataclass; one with pictures has `picture(paths, key)` too, which returns the
bytes of a PNG, served at `/study/STUDY/panel/NAME/picture/KEY.png`; one with filters or pages has
`read_asked(paths, asked)`, asked for by the words of buttons (see `static/asked.js`). The template gets `panel`, what
`read` returned, and `study` (`study.name`, `study.url`); `templates/macros.html` has the marks of states and levels,
filters, tables and charts.
"""

from closedloop.service.panels import days, gates, history, recording, session, stages, tomorrow
from closedloop.service.panels.panel import PagePanel

PANELS: tuple[PagePanel, ...] = (stages, gates, session, recording, days, tomorrow, history)
"""The panels in the order of the page."""

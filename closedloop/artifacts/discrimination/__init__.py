"""The files of an experiment in which people say whether two images are identical: appendix 6.2.

- `experiment`: What is shown to whom: the document, the table of trials, and where the files lie.
- `rows`: The lines of a session's journal, the same from a browser, from the rig and from a simulated observer.
- `journal`: A journal read, merged with what comes later, and checked against its session.
- `stored`: Lines from elsewhere added to a journal, of which a rig may be the only writer.
- `rules`: The laboratory's rules of what is left out.
"""

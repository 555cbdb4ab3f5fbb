"""closedloop: a closed-loop adversarial experiment in monkey IT cortex (Guo et al. 2022, and past it).

Users of the library begin with `open_study`, or with one of the rooms, packages with one purpose each: `attacks`,
`models`, `blackrock`, `recording`, `detection`, `alignment`, `analysis`, `stimuli`, `training`. What a room offers
stands in its ``__init__.pyi``, and ``dir(closedloop.attacks)`` lists it.
"""

__version__ = "0.1.0"

__all__ = ["Study", "open_study"]


def __getattr__(name: str) -> object:
    """Look up what `__init__.pyi` lists once it is asked for.

    Nothing is imported before: a command answers Ctrl-C from its first line on, but for what comes with this package.
    """
    import lazy_loader  # noqa: PLC0415

    return lazy_loader.attach_stub(__name__, __file__)[0](name)


def __dir__() -> list[str]:
    return __all__

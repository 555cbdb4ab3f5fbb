"""closedloop: a closed-loop adversarial experiment in monkey IT cortex (Guo et al. 2022, and past it)."""

__version__ = "0.1.0"

"""What `closedloop.training` offers to a user of the library."""

from .adversarial import TrainingRecipe as TrainingRecipe
from .adversarial import train_classifier as train_classifier
from .closed_form import start_readout as start_readout
from .end_to_end import RefitRecipe as RefitRecipe
from .end_to_end import Responses as Responses
from .end_to_end import held_out_correlation as held_out_correlation
from .end_to_end import refit as refit

__all__ = [
    "RefitRecipe",
    "Responses",
    "TrainingRecipe",
    "held_out_correlation",
    "refit",
    "start_readout",
    "train_classifier",
]

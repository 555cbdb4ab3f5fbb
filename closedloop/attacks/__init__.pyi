"""What `closedloop.attacks` offers to a user of the library."""

from .aims.kinds import Alone as Alone
from .aims.kinds import Along as Along
from .aims.kinds import AtLevel as AtLevel
from .aims.kinds import Controversial as Controversial
from .aims.kinds import Drive as Drive
from .aims.kinds import Pattern as Pattern
from .aims.levels import LevelSettings as LevelSettings
from .aims.side_by_side import OutputsSideBySide as OutputsSideBySide
from .balls import L2 as L2
from .balls import Anywhere as Anywhere
from .balls import LInf as LInf
from .balls import radius_at as radius_at
from .engine.find import find as find
from .engine.steps import Task as Task
from .gradients.estimators import Averaged as Averaged
from .gradients.estimators import Blurred as Blurred
from .gradients.estimators import Ensemble as Ensemble
from .gradients.estimators import Plain as Plain
from .gradients.estimators import SoftRelu as SoftRelu
from .gradients.members import EqualMembers as EqualMembers
from .gradients.transforms import Noise as Noise
from .gradients.transforms import Scale as Scale
from .gradients.transforms import Shift as Shift
from .largest_change import Target as Target
from .largest_change import largest_changes as largest_changes
from .lattice.norms import realised_epsilon as realised_epsilon
from .lattice.refinement import LatticeSettings as LatticeSettings
from .lattice.rounding import scale_to_norm as scale_to_norm
from .layer_attacks import LayerAttacks as LayerAttacks
from .layer_attacks import layer_attacks as layer_attacks
from .objectives import DecoderMargin as DecoderMargin
from .objectives import LayerDisplacement as LayerDisplacement
from .objectives import Mse1000 as Mse1000
from .objectives import PopulationVector as PopulationVector
from .objectives import SignedResponse as SignedResponse
from .objectives import TargetPattern as TargetPattern
from .one_call import AttackResult as AttackResult
from .one_call import attack as attack
from .problem import Method as Method
from .problem import Problem as Problem
from .problem import from_bytes as from_bytes
from .reference import paper_attack as paper_attack
from .reference import random_start as random_start
from .searches import ANNEALED as ANNEALED
from .searches import COSINE as COSINE
from .searches import PAPER31 as PAPER31
from .searches import STRENGTHENED as STRENGTHENED
from .searches import Schedule as Schedule
from .synthesis.items import AttackItem as AttackItem
from .synthesis.sources import InMemory as InMemory
from .synthesis.sources import site_model_file as site_model_file
from .synthesis.sources import units_file as units_file
from .synthesis.synthesize import synthesize as synthesize

__all__ = [
    "ANNEALED",
    "COSINE",
    "L2",
    "PAPER31",
    "STRENGTHENED",
    "Alone",
    "Along",
    "Anywhere",
    "AtLevel",
    "AttackItem",
    "AttackResult",
    "Averaged",
    "Blurred",
    "Controversial",
    "DecoderMargin",
    "Drive",
    "Ensemble",
    "EqualMembers",
    "InMemory",
    "LInf",
    "LatticeSettings",
    "LayerAttacks",
    "LayerDisplacement",
    "LevelSettings",
    "Method",
    "Mse1000",
    "Noise",
    "OutputsSideBySide",
    "Pattern",
    "Plain",
    "PopulationVector",
    "Problem",
    "Scale",
    "Schedule",
    "Shift",
    "SignedResponse",
    "SoftRelu",
    "Target",
    "TargetPattern",
    "Task",
    "attack",
    "find",
    "from_bytes",
    "largest_changes",
    "layer_attacks",
    "paper_attack",
    "radius_at",
    "random_start",
    "realised_epsilon",
    "scale_to_norm",
    "site_model_file",
    "synthesize",
    "units_file",
]

"""What `closedloop.models` offers to a user of the library."""

from .checkpoints import load_site_model as load_site_model
from .checkpoints import open_base_model as open_base_model
from .checkpoints import open_network as open_network
from .checkpoints import save_site_model as save_site_model
from .ensemble import Disagreement as Disagreement
from .ensemble import SiteEnsemble as SiteEnsemble
from .networks.code import find_code as find_code
from .networks.description import FeatureLayout as FeatureLayout
from .networks.description import NetworkDescription as NetworkDescription
from .networks.description import Preprocessing as Preprocessing
from .networks.opening import Filling as Filling
from .shipped import shipped_names as shipped_names
from .site_model import BaseModel as BaseModel
from .site_model import SiteModel as SiteModel
from .site_model import UnitModel as UnitModel
from .site_model import build_site_model as build_site_model
from .site_model import calibrate_readout as calibrate_readout
from .site_model import freeze_for_attack as freeze_for_attack
from .site_model import predict as predict

__all__ = [
    "BaseModel",
    "Disagreement",
    "FeatureLayout",
    "Filling",
    "NetworkDescription",
    "Preprocessing",
    "SiteEnsemble",
    "SiteModel",
    "UnitModel",
    "build_site_model",
    "calibrate_readout",
    "find_code",
    "freeze_for_attack",
    "load_site_model",
    "open_base_model",
    "open_network",
    "predict",
    "save_site_model",
    "shipped_names",
]

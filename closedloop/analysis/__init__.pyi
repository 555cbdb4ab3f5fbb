from .agreement import MapAgreement, SignAgreement, map_agreement, sign_agreement
from .bootstrap import bootstrap_difference, bootstrap_function, bootstrap_mean, bootstrap_ratio, bootstrap_rms
from .decoding.held_out import deal_folds, decoders_of_folds, held_out_scores, matched_means, permuted_accuracy
from .decoding.linear import LinearDecoder, fit_decoder
from .decoding.redundancy import decoder_axes, margin_axes, random_share, square_along
from .dispersion import normalize, random_pair_change, sigma, sigma_corrected
from .estimate import Estimate, mean_over_pairs
from .expected.error import PlannedPairs, expected_standard_error, sigma_error
from .expected.power import power_of_mean, smallest_effect
from .expected.variance_parts import PairVariance, RepeatedPairs, pair_variance
from .identity.comparison import ElectrodeIdentity, IdentityComparison, IdentityRules, compare_identity
from .identity.signatures import DayAnswers
from .normalizers import z_score
from .predictivity import correlation
from .psth import rate_over_time, spikes_around
from .reliability import (
    explained_fraction,
    mean_response,
    noise_ceiling,
    spearman_brown,
    split_half_means,
    split_half_reliability,
)
from .repetitions import cross_fitted_size, noiseless_square, repetitions_of
from .sensitivity import (
    attained_fraction,
    by_site,
    cross_fitted_estimate,
    noise_corrected_rms,
    noiseless_mean_absolute,
    paired_difference,
    paper_estimate,
)
from .slopes import PairSlopes, SlopeTest, holm, pair_slopes, slopes_by_image, slopes_by_site
from .units import UnitMean, mean_over_units

__all__ = [
    "DayAnswers",
    "ElectrodeIdentity",
    "Estimate",
    "IdentityComparison",
    "IdentityRules",
    "LinearDecoder",
    "MapAgreement",
    "PairSlopes",
    "PairVariance",
    "PlannedPairs",
    "RepeatedPairs",
    "SignAgreement",
    "SlopeTest",
    "UnitMean",
    "attained_fraction",
    "bootstrap_difference",
    "bootstrap_function",
    "bootstrap_mean",
    "bootstrap_ratio",
    "bootstrap_rms",
    "by_site",
    "compare_identity",
    "correlation",
    "cross_fitted_estimate",
    "cross_fitted_size",
    "deal_folds",
    "decoder_axes",
    "decoders_of_folds",
    "expected_standard_error",
    "explained_fraction",
    "fit_decoder",
    "held_out_scores",
    "holm",
    "map_agreement",
    "margin_axes",
    "matched_means",
    "mean_over_pairs",
    "mean_over_units",
    "mean_response",
    "noise_ceiling",
    "noise_corrected_rms",
    "noiseless_mean_absolute",
    "noiseless_square",
    "normalize",
    "pair_slopes",
    "pair_variance",
    "paired_difference",
    "paper_estimate",
    "permuted_accuracy",
    "power_of_mean",
    "random_pair_change",
    "random_share",
    "rate_over_time",
    "repetitions_of",
    "sigma",
    "sigma_corrected",
    "sigma_error",
    "sign_agreement",
    "slopes_by_image",
    "slopes_by_site",
    "smallest_effect",
    "spearman_brown",
    "spikes_around",
    "split_half_means",
    "split_half_reliability",
    "square_along",
    "z_score",
]

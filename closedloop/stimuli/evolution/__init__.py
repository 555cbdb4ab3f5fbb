"""Images evolved by a site's own responses, without a model and without gradients."""

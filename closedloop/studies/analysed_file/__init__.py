"""What a file of responses says by itself, without a study: reliability, ceilings, sigma, preferred categories."""

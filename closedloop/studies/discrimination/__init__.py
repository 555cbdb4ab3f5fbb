"""Whether people see the perturbations: pairs of images, same or different, and what that says: appendix 6.2."""

"""What a day that is planned can show: the error and the power to expect, from the parts of the variance."""

"""What a study runs because somebody trusts it: the code of its networks."""

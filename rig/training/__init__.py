"""Teaching an animal to fixate, before its first experiment: the machine of the sessions, without a study."""

"""What cannot be, said before anything is made: by the numbers of an experiment, its images and its weights.

Whoever spends hours on attacks, and a day of an animal on a session, hears first what the hours would end in.
"""

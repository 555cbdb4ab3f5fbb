"""From the rig's journal to onsets on the clocks of one or several devices.

align, quality, codes
    The alignment and the report on codes, clocks and photodiode.
run_search, clock_search, placement, pairing, code_matching, clock, markers
    Its steps: where runs of the rig lie on epochs, who is whose, which clock follows, which moments can be known.
photodiode, light, one_device, shared_light
    Edges of the light, whose they are, and light that another device saw.
"""

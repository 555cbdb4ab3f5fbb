"""`rig calibrate gaze`: from a tracker's own units to degrees on the screen, point by point.

- `targets`: where the animal is asked to look.
- `steady`: whether the eye rests, and where, in the tracker's units.
- `fit`: the map by least squares, and the point that does not belong to the others.
- `procedure`: what each key does, from the first point to the word that stores the map; no device.
- `page`: what the operator sees of it.
- `session`: the loop around it: flips, reads the tracker, asks for keys, gives reward.
- `simulated`: an eye that looks at the targets through a distorting tracker, to practise and to test with.

It was tried with simulated eyes and a mouse, never with an animal or a tracker.
"""

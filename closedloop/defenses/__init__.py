"""Defences of classifiers against attacks: none, adversarial training, and purification by sampled recalls (CARSO).

A defence offers one port (`port.Defense`): `sample` the images that are classified in the place of an image, and
`predict` the class scores of each. Nothing here knows a study.
"""

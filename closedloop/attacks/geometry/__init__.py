"""The geometry of a response over images: its gradient, how surfaces of equal response bend, and walks along them.

A response's surface of equal value through an image is flat where the unit is linear. How it bends along a direction w
is its curvature, stated with the scale h at which it is seen. No second derivative is taken: that of a rectifier is
zero wherever it exists.

- `responses`, `curvature`: A response with its gradient; how its surface bends along a direction.
- `principal`: Along which directions it bends most.
- `walks`: Walks on which the response stays.
- `axes`, `planes`: The two directions that a model names at an image, and the plane of images that they span.
"""

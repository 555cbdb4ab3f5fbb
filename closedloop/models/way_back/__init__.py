"""What an attack may change on the way back to the image: the forward pass stays as it is, to the bit.

- `rectifiers`: Rectifiers with a soft derivative.
- `member_gradients`: Equally long gradients of an ensemble's members.
"""

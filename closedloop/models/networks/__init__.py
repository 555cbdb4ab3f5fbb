"""Networks from elsewhere: torchvision's and timm's architectures, and a laboratory's own code.

A network is cut at any module that it names, by a hook that stops it there; how its features lie and what its pixels go
through is stated, never guessed (`description`). Its weights are a file, or random; nothing is ever downloaded.
"""

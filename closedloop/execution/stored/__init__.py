"""Pieces of work for machines that see none of this one's files: what they need and leave goes through a store.

A store is a folder, a bucket of an object store, or whatever else fsspec reaches. Contents go there under their own
hash, results under the names of their files, which are hashes of what they depend on.

- `piece`: `FilePiece`, a piece that names the files it leaves, and those it reads that its arguments do not.
- `store`: `ObjectStore`, bytes by name. The only home of fsspec.
- `contents`: Files and arrays as blocks that are named by their hash.
- `packing`: A piece as bytes, its paths put aside, and back on another machine, where they lead elsewhere.
- `here`: The side that has the files: what is in the store already, what has to go there, what comes back.
- `there`: The worker's side: a folder of its own that looks like the client's, the piece, its results to the store.
- `environment`: The code and the libraries, which must be the same on both sides.
"""

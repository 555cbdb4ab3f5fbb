"""HDF5 and Arrow: what they are asked about a file, in a confined process, and tables as Arrow writes them."""

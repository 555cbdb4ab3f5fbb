"""What is asked of HDF5 and Arrow about a file, in a confined process."""

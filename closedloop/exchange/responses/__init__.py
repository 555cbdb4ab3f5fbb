"""Responses of a study as a table (parquet, CSV) or as labelled arrays (netCDF)."""

"""Files that others open, and files of others: each format is known here alone, its writing beside its reading.

A study is read through `access`, never through a stage's own files. What is read comes back as plain tables and arrays.
"""

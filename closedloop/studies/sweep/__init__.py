"""Whole dry runs around many simulated subjects: how often what a study publishes is right."""
